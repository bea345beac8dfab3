//! The registry as a pure state machine: commands in, outcomes and events out.
//!
//! Pure. Knows nothing of Raft, HTTP, clocks, threads, files or random numbers, and iterates over nothing whose order is
//! not its keys' order: the same commands give the same bytes on every server, in production, in simulation and inside
//! the model checker.
//!
//! | room | what it holds |
//! |---|---|
//! | [`model`] | names, instances, checks: valid by construction |
//! | [`command`] | what can be asked of the registry, and what it answers |
//! | [`registry`] | [`Registry::apply`] and the reads |
//! | [`snapshot`] | the whole state as bytes and back: versioned, checksummed |
//! | [`limits`] | every bound of the product, with its reason |

pub mod command;
pub mod limits;
pub mod model;
pub mod registry;
pub mod snapshot;

pub use command::{Applied, Command, Event, Outcome, Rejection, Request};
pub use registry::Registry;
