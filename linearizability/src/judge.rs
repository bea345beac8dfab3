//! The one entry: a run in, a report out.

use crate::history::Run;
use crate::passes::{Context, PASSES};
use crate::verdict::{Findings, Property, Report};

/// How to judge.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ignore every index that the servers claim, and search instead.
    pub black_box: bool,
    /// Steps that the search for an order may take in all before the judge gives up with `unknown`. A step is one look at one
    /// operation: whether it may come next. It costs 0.05 to 0.3 µs, and at most some ten bytes for what failed, so the default
    /// of 40 million is 2 to 10 s. Histories of 20 000 operations and more are searched on two threads, and each may take as
    /// many. Memory is bounded by itself: 512 MiB a thread, and a search that needs more ends with `unknown` too. Right
    /// histories take a few steps an operation, whatever their length.
    ///
    /// The search over the indices of unknown writes, which comes before, has bounds of its own (about 3 s), and never takes
    /// more steps than this.
    pub budget_steps: u64,
    /// Judge LIN-1 to LIN-4 alone.
    pub only_linear: bool,
    /// Properties that must have been exercised: otherwise the run is vacuous.
    pub required: Vec<Property>,
}

/// 2 to 10 s. A wrong history that needs more is nearly always one that needs hours.
const BUDGET_STEPS: u64 = 40_000_000;

impl Default for Options {
    fn default() -> Self {
        Self { black_box: false, budget_steps: BUDGET_STEPS, only_linear: false, required: Vec::new() }
    }
}

/// Runs all passes over `run`.
pub fn judge(run: &Run, options: &Options) -> Report {
    let context = Context { run, options };
    let mut findings = Findings::default();
    for pass in PASSES {
        pass(&context, &mut findings);
    }
    findings.into_report(run.history.calls.len(), &options.required)
}
