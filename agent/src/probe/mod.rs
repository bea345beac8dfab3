//! Runs of checks, behind a one-method trait: sockets and processes here, a script in simulation.
//!
//! Knows nothing of thresholds, intervals or the cluster.

mod cmd;
mod http;
mod tcp;

use std::time::Duration;

use sider_client::seam::BoxFuture;
use sider_registry::model::Status;

use crate::config::Target;
use crate::core::Measured;
use crate::limits;

/// Runs one check once.
pub trait Probe: Send + Sync + 'static {
    /// Looks at `target`, for at most `timeout`.
    fn run(&self, target: Target, timeout: Duration) -> BoxFuture<'static, Measured>;
}

/// Probes of this host: real sockets, real processes.
#[derive(Debug, Clone)]
pub struct HostProbes {
    http: reqwest::Client,
    /// Open files that a program may have; none: as many as this process.
    open_files: Option<u64>,
}

impl HostProbes {
    /// Probes that follow no redirect and use no proxy: they look at the address they were given and nowhere else.
    ///
    /// # Errors
    /// The HTTP client could not be made.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { http: http::client()?, open_files: None })
    }

    /// Programs may have `open_files` open, whatever this process has raised its own limit to: those that call `select` break
    /// with more than they expect.
    #[must_use]
    pub fn with_open_files(self, open_files: Option<u64>) -> Self {
        Self { open_files, ..self }
    }
}

impl Probe for HostProbes {
    fn run(&self, target: Target, timeout: Duration) -> BoxFuture<'static, Measured> {
        match target {
            Target::Http(url) => Box::pin(http::run(self.http.clone(), url, timeout)),
            Target::Tcp(address) => Box::pin(tcp::run(address, timeout)),
            Target::Cmd(args) => Box::pin(cmd::run(args, timeout, self.open_files)),
        }
    }
}

/// A critical result with its reason.
fn critical(output: impl Into<String>) -> Measured {
    Measured { status: Status::Critical, output: cut(output.into()) }
}

/// Cuts a text to the kept length, at a character boundary.
fn cut(mut text: String) -> String {
    if text.len() > limits::PROBE_OUTPUT_MAX {
        let mut end = limits::PROBE_OUTPUT_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}
