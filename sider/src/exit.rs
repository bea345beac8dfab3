//! How the program ends: exit codes as `sysexits.h` numbers them, so that a supervisor can tell "do not start me again
//! like this" from "try again".

use std::io;

use sider::ServeError;
use sider::raft::store::OpenError;

/// A wrong flag.
pub(crate) const USAGE: u8 = 64;
/// The data is damaged: an operator must look.
const DATA: u8 = 65;
/// An address is in use.
const UNAVAILABLE: u8 = 69;
/// Anything else.
const SOFTWARE: u8 = 70;
/// The data directory is held by another process, belongs to another server, or cannot be made.
const CANT_CREATE: u8 = 73;
/// The disk failed or is full.
const IO: u8 = 74;

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A port cannot be had.
    #[error("cannot listen on {addr}: {source}; give {flag} another address")]
    Bind {
        /// The flag that named it.
        flag: &'static str,
        /// The address.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server ended.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The operating system refused something that it never refuses.
    #[error("{0:#}")]
    System(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Bind { .. } => UNAVAILABLE,
            Self::Serve(ServeError::Open(error)) => match error {
                OpenError::Held(_) | OpenError::OtherServer { .. } => CANT_CREATE,
                OpenError::Removed { .. } => SOFTWARE,
                OpenError::Io { source, .. } => match source.kind() {
                    io::ErrorKind::InvalidData => DATA,
                    io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                        CANT_CREATE
                    }
                    _ => IO,
                },
            },
            // Consensus stops by itself for one reason: its log or vote could not be written or read.
            Self::Serve(ServeError::Consensus(_)) => IO,
            Self::Serve(ServeError::Listener(_) | ServeError::Removed { .. }) | Self::System(_) => SOFTWARE,
        }
    }
}
