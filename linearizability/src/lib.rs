//! From a recorded history to a proof, or to the smallest counter-example.
//!
//! | room | what |
//! |---|---|
//! | [`history`] | the recorded history, its parser, the run directory |
//! | [`verdict`] | properties, violations, the report |
//! | [`passes`] | the registry of checks |
//! | [`judge`](mod@judge) | the one entry |
//!
//! Knows no production code: the specification here is a second one, small, slow and obviously right, so that a wrong
//! rule does not pass twice.

mod certificate;
mod core;
pub mod generate;
pub mod history;
pub mod judge;
mod linear;
mod lookup;
pub mod passes;
mod reads;
mod replicas;
pub mod report;
mod script;
mod search;
pub mod spec;
pub mod timeline;
mod ttl;
pub mod verdict;
mod watch;
mod witness;

pub use judge::{Options, judge};
pub use search::PoTester;
