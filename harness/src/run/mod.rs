//! One run: a scenario and a seed in, a verdict out.
//!
//! | room | what |
//! |---|---|
//! | `world` | the machines, the clients and the record of a run; one step |
//! | `phases` | setup, run, settle, recheck, drain, end |
//! | `clusters` | asks the judge about each cluster of a run |
//! | `scratch` | the directory of its disks |
//! | `panics` | what panicked, and whose code it was |
//! | [`coverage`] | what a run has covered |
//! | [`outcome`] | the verdict and everything a person needs to understand it |

mod clusters;
pub mod coverage;
pub mod outcome;
mod panics;
mod phases;
mod scratch;
mod world;

use std::io::Write;

pub use outcome::Outcome;

use crate::nemesis::replay::Timeline;
use crate::record::Record;
use crate::record::clock::VirtualClock;
use crate::record::trace::{Depth, Trace};
use crate::scenario::Scenario;

/// How to run.
#[derive(Default)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Put everything into the trace, and its text here.
    pub trace: Option<Box<dyn Write + Send>>,
    /// Instead of the scenario's faults: what was recorded, each at its step.
    pub replay: Option<Timeline>,
    /// The run's virtual time, for who looks on.
    pub clock: VirtualClock,
    /// Machines that have nothing to do run too, to see that it is so ([`Cluster::run_idle_machines`]).
    ///
    /// [`Cluster::run_idle_machines`]: crate::sim::cluster::Cluster::run_idle_machines
    pub idle_too: bool,
}

/// Runs `scenario` once. One run a process: openraft and tokio number their tasks for a whole process, and the order in
/// which tasks are dropped at a crash follows these numbers.
#[must_use]
pub fn run(scenario: &Scenario, options: Options) -> Outcome {
    let depth = if options.trace.is_some() { Depth::Everything } else { Depth::Record };
    let trace = Trace::new(depth, options.trace);
    let mut record = Record::new(trace);
    record.clock = options.clock;
    phases::run(scenario, options.seed, &record, options.replay, options.idle_too)
}
