//! Addresses as they are written on a command line.

use std::fmt;

/// Where to listen. `:8500` is every interface, as Go's and Consul's programs read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindAddr {
    host: String,
    port: u16,
}

impl BindAddr {
    /// Reads `host:port` or `:port`. Port 0 lets the system choose.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let right = "host:port or :port is expected, like 127.0.0.1:8500 or :8500";
        let Some((host, port)) = text.rsplit_once(':') else { return Err(right.to_owned()) };
        let port = port.parse().map_err(|_| format!("the port {port:?} is not one of 0 to 65535; {right}"))?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if bare.chars().any(|c| c.is_whitespace() || c.is_control()) || (bare.contains(':') && bare == host) {
            return Err(format!("{right}; an IPv6 address stands in brackets"));
        }
        Ok(Self { host: if bare.is_empty() { "0.0.0.0" } else { bare }.to_owned(), port })
    }

    /// For binding.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl fmt::Display for BindAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An address that others connect to: a host and a real port.
pub(super) fn advertised(text: &str) -> Result<String, String> {
    let addr = BindAddr::parse(text)?;
    if text.starts_with(':') || addr.port == 0 {
        return Err("the others need a host and a port, like 10.0.0.1:8501".to_owned());
    }
    Ok(addr.to_string())
}
