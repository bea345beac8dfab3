//! Framed TCP between servers: one persistent connection per peer and purpose, many calls in flight on each.
//!
//! Every frame carries the cluster, the sender and the receiver it is meant for, so a server of another cluster, a
//! server under a wiped identity, or a plain HTTP client on the Raft port is refused with a log line.
//!
//! | room | what it does |
//! |---|---|
//! | [`frame`] | bytes of a frame: head, checksum |
//! | [`message`] | what is asked and answered |
//! | [`link`] | the calling side |
//! | [`listen`] | the answering side |
//! | [`network`] | openraft's network over links |

pub mod frame;
pub mod link;
pub mod listen;
pub mod message;
pub mod network;

pub use link::{CallError, Link, Links, Purpose};
pub use message::{Call, Refusal, Reply};

#[cfg(test)]
mod tests;
