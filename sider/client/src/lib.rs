//! Wire types of the HTTP API and a typed client of it over the [`seam::Dial`] seam.
//!
//! Knows nothing of Raft or of the server's inside: a client program, the agent and the harness speak to a server through
//! this crate only.
//!
//! | room | what it holds |
//! |---|---|
//! | [`seam`] | byte streams: how to connect, how to accept; TCP here, a simulated network in the harness |

pub mod seam;
