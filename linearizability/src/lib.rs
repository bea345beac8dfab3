//! From a recorded history to a proof, or to the smallest counter-example.
//!
//! | room | what |
//! |---|---|
//! | [`history`] | the recorded history, its parser, the run directory |
//! | [`verdict`] | properties, violations, the report |
//! | [`judge`](mod@judge) | the one entry |
//! | [`passes`] | the registry of checks |
//! | [`spec`] | what a correct registry answers |
//! | `script` | the history as steps over numbered cells |
//! | `witness` | the order that the servers' indices propose |
//! | `search` | an order without any index; [`PoTester`] for models |
//! | `certificate` | the order check that every "linearizable" has to pass |
//! | `core` | the smallest counter-example |
//! | `linear` | LIN-1 to LIN-4 from these |
//! | `watch`, `ttl`, `reads`, `replicas` | the other properties, from claims and times |
//! | [`report`], [`timeline`] | text, JSON, a page to look at |
//! | [`generate`] | right histories from a seed, for tests and the benchmark |
//!
//! Knows no production code: the specification here is a second one, small, slow and obviously right, so that a wrong
//! rule does not pass twice.

mod certificate;
mod core;
pub mod export;
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
pub use linear::explained_prefix;
pub use search::PoTester;
