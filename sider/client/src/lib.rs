//! Wire types of the HTTP API and a typed client of it over the [`seam::Dial`] seam.
//!
//! Knows nothing of Raft or of the server's inside: a client program, the agent and the harness speak to a server through
//! this crate only.
//!
//! | room | what it holds |
//! |---|---|
//! | [`seam`] | byte streams and timers: TCP and tokio here; in the harness a simulated network, which is told of timers |
//! | [`wire`] | what travels: bodies, headers, error codes; the server writes these, the client reads them |
//! | [`client`] | the typed client: kept connections, deadlines, fail-over, three-valued writes |
//! | [`duration`] | Go's durations: `15s`, `1m30s` |

pub mod client;
pub mod duration;
pub mod seam;
pub mod wire;

pub use client::{Client, Outcome, Settings};
