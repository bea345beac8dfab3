//! The one entry: a run in, a report out.

use crate::history::Run;
use crate::passes::{Context, PASSES};
use crate::verdict::{Findings, Property, Report};

/// How to judge.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ignore every index that the servers claim, and search instead.
    pub black_box: bool,
    /// Steps that a search may take in all before the judge gives up with `unknown`.
    pub budget_steps: u64,
    /// Judge LIN-1 to LIN-4 alone.
    pub only_linear: bool,
    /// Properties that must have been exercised: otherwise the run is vacuous.
    pub required: Vec<Property>,
}

impl Default for Options {
    fn default() -> Self {
        Self { black_box: false, budget_steps: 500_000_000, only_linear: false, required: Vec::new() }
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
