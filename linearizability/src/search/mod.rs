//! The search: linearizability without believing any index.
//!
//! | room | what |
//! |---|---|
//! | `components` | which services have to be searched together |
//! | `problem` | the steps of one component over its own cells |
//! | `state` | cells with incremental fingerprint and undo |
//! | `effects` | what a step does to the state, and whether its answer is right |
//! | `memo` | configurations that failed, and the optional steps that each had used up |
//! | `wgl` | Wing and Gong's search with Lowe's memo: 128-bit fingerprints of failed configurations |
//! | `writers` | who can write what an answer shows |
//! | `tester` | the same search behind stateright's `ConsistencyTester`, for models |
//!
//! Linearizability is local (Herlihy and Wing 1990, theorem 1), so components are searched one by one.

mod components;
mod effects;
mod memo;
mod problem;
mod state;
mod tester;
mod wgl;
mod writers;

pub(crate) use components::{Components, components, touched};
pub(crate) use problem::{Problem, Relax};
pub use tester::PoTester;
pub(crate) use wgl::{Found, MEMORY_MAX, search};
