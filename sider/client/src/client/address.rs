//! Where a server is: `http://host:port`, parsed once.

use std::fmt;
use std::str::FromStr;

/// Port of a server's HTTP API when the address names none.
pub const DEFAULT_PORT: u16 = 8500;

/// Host and port of a server's HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerAddress(String);

/// Why a text is no server address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no server address: {problem}; write it like http://10.0.0.1:8500")]
pub struct AddressError {
    text: String,
    problem: String,
}

impl ServerAddress {
    /// Parses `http://host:port`, `http://host`, `host:port` or `:port` (this machine). IPv6 hosts stand in brackets.
    ///
    /// # Errors
    /// Another scheme, a path, no host, or a port that is none.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let wrong = |problem: String| AddressError { text: text.to_owned(), problem };
        let rest = match text.split_once("://") {
            None | Some(("http", _)) => text.strip_prefix("http://").unwrap_or(text),
            Some(("https", _)) => return Err(wrong("servers speak plain HTTP, not TLS".into())),
            Some((scheme, _)) => return Err(wrong(format!("the scheme {scheme:?} is not http"))),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(c) = authority.chars().find(|c| matches!(c, '/' | '?' | '#' | '@') || c.is_whitespace()) {
            return Err(wrong(format!("it holds {c:?} after the host")));
        }
        let host_end = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[host_end..].find(':') {
            Some(at) => (&authority[..host_end + at], Some(&authority[host_end + at + 1..])),
            None => (authority, None),
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(text) => match text.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(wrong(format!("{text:?} is no port from 1 to 65535"))),
            },
        };
        match host {
            "" if rest.starts_with(':') => Ok(Self(format!("127.0.0.1:{port}"))),
            "" => Err(wrong("the host is missing".into())),
            host => Ok(Self(format!("{host}:{port}"))),
        }
    }

    /// `host:port`, for [`crate::seam::Dial`] and the `Host` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}
