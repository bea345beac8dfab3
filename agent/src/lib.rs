//! The agent: it registers the services of its host, runs their checks, reports what changes, and takes them out when it
//! stops. One entry, [`run`], for production and for simulation.
//!
//! | room | what it does | what it does not know |
//! |---|---|---|
//! | [`config`] | what an agent is told: a JSON file | what is done with it |
//! | [`core`] | what is due when, what must be sent: pure | clocks, sockets, files |
//! | [`probe`] | one run of one check | thresholds, intervals, the cluster |
//! | [`store`] | what is kept over a restart | what it means |
//! | `keeper` | when that is written | where |
//! | `perform` | an action of the core, done | when |
//! | `local` | the view for programs on the same machine | how to change anything |
//! | [`limits`] | every bound, with its reason | |

pub mod config;
pub mod core;
pub mod limits;
pub mod probe;
pub mod store;

mod keeper;
mod local;
mod metrics;
mod perform;
mod run;
mod shared;

pub use run::{Ended, OnRegistered, Setup, Signal, run};
