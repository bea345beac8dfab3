//! The smallest counter-example: an unsatisfiable core, not a deletion.
//!
//! Deleting an operation can *create* a violation (without its deregistration, an instance is missing for no reason). So
//! nothing is deleted but answers: a write that is not kept becomes one that may happen at any moment from its call on, any
//! number of times, or never. If the history weakened so still has no order, the kept operations alone contradict each other
//! whatever the others did, and so does the whole history.
//!
//! A wrong read is a conjunction over instances, so one instance is looked at at a time; and nearby operations are tried
//! before far ones.

use crate::history::History;
use crate::script::{Act, Need, Script};
use crate::search::{Found, Problem, Relax, search, touched};

/// Steps that one weakened search may take; out of budget counts as "has an order".
const STEPS_EACH: u64 = 200_000;
/// Steps for the whole core.
const STEPS_ALL: u64 = 20_000_000;
/// Operations kept at first, doubled until they contradict each other.
const WINDOW_FIRST: usize = 8;

/// Operations that no order explains together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Core {
    /// Steps, by call; the one whose answer cannot be explained is among them.
    pub(crate) steps: Vec<u32>,
    /// The instance that they are about, if one alone shows the contradiction.
    pub(crate) cell: Option<u32>,
    /// Whether the steps alone are a contradiction; otherwise they are only where the search got stuck.
    pub(crate) is_proof: bool,
}

/// The core of a component that has no order; `failed` is the step that the search named.
pub(crate) fn core(history: &History, script: &Script, members: &[u32], failed: u32) -> Core {
    let cut = script.steps[failed as usize].until;
    let before: Vec<u32> = members.iter().copied().filter(|&step| script.steps[step as usize].from <= cut).collect();
    let mut hunt = Hunt { history, script, cut, budget: STEPS_ALL };
    let cells = hunt.cells(failed);
    let mut views: Vec<View> = cells.iter().map(|&cell| hunt.of_cell(&before, cell)).collect();
    views.push(hunt.of_services(&before, failed));
    views.push(View { cell: None, kept: before.clone(), steps: before });
    let longest = views.iter().map(|view| view.kept.len()).max().unwrap_or(0);
    let mut window = WINDOW_FIRST;
    loop {
        for View { cell, steps, kept } in &views {
            let kept = &kept[kept.len().saturating_sub(window)..];
            let steps = hunt.relevant(steps, kept);
            if hunt.contradicts(*cell, &steps, kept) {
                let steps = hunt.shrink(*cell, &steps, kept.to_vec());
                return Core { steps, cell: *cell, is_proof: true };
            }
        }
        if window >= longest || hunt.budget == 0 {
            return Core { steps: vec![failed], cell: None, is_proof: false };
        }
        window *= 4;
    }
}

/// A part of the history that may contain the contradiction.
struct View {
    /// Look at this instance alone.
    cell: Option<u32>,
    /// All steps that can say something about it.
    steps: Vec<u32>,
    /// Those that can be part of the core.
    kept: Vec<u32>,
}

struct Hunt<'a> {
    history: &'a History,
    script: &'a Script,
    cut: u32,
    budget: u64,
}

impl Hunt<'_> {
    /// The cells that the failing step says something about.
    fn cells(&self, failed: u32) -> Vec<u32> {
        let script = self.script;
        match script.steps[failed as usize].act {
            Act::Register(registration) => vec![script.registrations[registration as usize].cell],
            Act::Deregister(cell) => vec![cell],
            Act::DeregisterId(group) => script.groups[group as usize].clone(),
            Act::Report(check, _) => script.checks[check as usize].holders.clone(),
            Act::RenewMany(renewal) => {
                let checks = script.renewals[renewal as usize].checks.iter();
                checks.flat_map(|(check, _)| script.checks[*check as usize].holders.iter().copied()).collect()
            }
            Act::Read(service) => script.services[service as usize].cells.clone(),
            Act::List(ns) => {
                let services = script.namespaces[ns as usize].iter();
                services.flat_map(|service| script.services[*service as usize].cells.iter().copied()).collect()
            }
        }
    }

    fn of_cell(&self, before: &[u32], cell: u32) -> View {
        let touches = |step: &&u32| Problem::is_about(self.script, self.script.steps[**step as usize].act, cell);
        let steps: Vec<u32> = before.iter().filter(touches).copied().collect();
        View { cell: Some(cell), kept: steps.clone(), steps }
    }

    /// The services that the failing step touches. What also touches others is no proof here, and may happen or not.
    fn of_services(&self, before: &[u32], failed: u32) -> View {
        let act = |step: u32| self.script.steps[step as usize].act;
        let mut own: Vec<u32> = touched(self.script, act(failed)).collect();
        own.sort_unstable();
        let is_own = |service: u32| own.binary_search(&service).is_ok();
        let steps: Vec<u32> =
            before.iter().copied().filter(|&step| touched(self.script, act(step)).any(is_own)).collect();
        let kept = steps.iter().copied().filter(|&step| touched(self.script, act(step)).all(is_own)).collect();
        View { cell: None, steps, kept }
    }

    /// Those of `steps` that a weakened problem keeps: of the answers that change nothing only the `kept` ones.
    fn relevant(&self, steps: &[u32], kept: &[u32]) -> Vec<u32> {
        let is_relevant = |step: &&u32| {
            let entry = &self.script.steps[**step as usize];
            let only_looks = entry.act.is_read() || entry.need == Need::Rejected;
            !only_looks || kept.binary_search(step).is_ok()
        };
        steps.iter().filter(is_relevant).copied().collect()
    }

    fn contradicts(&mut self, cell: Option<u32>, steps: &[u32], kept: &[u32]) -> bool {
        let relax = Relax { kept, cell, cut: self.cut };
        let problem = Problem::relaxed(self.history, self.script, steps, relax);
        // Setting it up costs as much as a step for each of them.
        self.budget = self.budget.saturating_sub(steps.len() as u64);
        let granted = STEPS_EACH.min(self.budget);
        let mut left = granted;
        let found = search(&problem, &mut left);
        self.budget -= granted - left;
        matches!(found, Found::Nothing { .. })
    }

    /// Delta debugging (Zeller and Hildebrandt 2002) over what is kept: halves first, then one by one.
    fn shrink(&mut self, cell: Option<u32>, steps: &[u32], mut kept: Vec<u32>) -> Vec<u32> {
        let mut size = kept.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            let mut shrunk = false;
            while at < kept.len() {
                if self.budget == 0 {
                    // A core still, if not the smallest.
                    return kept;
                }
                let mut fewer = kept.clone();
                fewer.drain(at..(at + size).min(kept.len()));
                if !fewer.is_empty() && self.contradicts(cell, steps, &fewer) {
                    kept = fewer;
                    shrunk = true;
                } else {
                    at += size;
                }
            }
            if size == 1 && !shrunk {
                return kept;
            }
            size = if shrunk { size.min(kept.len()).max(1) } else { size.div_ceil(2) };
        }
    }
}
