//! The longest beginning of a history that has an order, for the timeline: the order, and the state after each step.

use super::decide::{Decision, decide};
use super::placement::Placement;
use super::{place_behind, run_witness};
use crate::history::{Call, History, Operation, Run, Symbol};
use crate::judge::Options;
use crate::script::Script;
use crate::search::{Found, Problem, Relax, search};
use crate::spec::Registry;
use crate::timeline::{Prefix, Step};

/// Operations of a history for which the timeline shows an order.
const STEPS_MAX: usize = 50_000;

/// The order that explains the beginning of `run`, and why it ends.
pub fn explained_prefix(run: &Run, options: &Options) -> Prefix {
    let history = &run.history;
    let Ok(script) = Script::build(history) else { return Prefix::default() };
    if script.steps.len() > STEPS_MAX {
        return Prefix { steps: Vec::new(), end: "the history is too long to show an order".to_owned() };
    }
    if !options.black_box {
        let whole = |order: &[u32]| replay(history, &script, order, "every operation is explained".to_owned());
        match run_witness(history, &script) {
            Ok(witness) => return whole(&witness.order),
            Err(failure) => {
                if let Some(Placement::Found { order, .. }) = place_behind(options, history, &script, &failure) {
                    return whole(&order);
                }
            }
        }
    }
    match decide(history, &script, options.budget_steps) {
        Decision::Not(parts) => parts.first().map_or_else(Prefix::default, |(members, failed)| {
            let cut = script.steps[*failed as usize].until - 1;
            let problem = Problem::relaxed(history, &script, members, Relax { kept: members, cell: None, cut });
            let mut budget = options.budget_steps;
            let order = match search(&problem, &mut budget) {
                Found::Order(order) => order,
                Found::Nothing { .. } | Found::OutOfBudget => Vec::new(),
            };
            let number = history.calls[script.steps[*failed as usize].call as usize].number;
            replay(history, &script, &order, format!("no order explains the answer of op {number} behind these"))
        }),
        Decision::Linearizable(_) => {
            Prefix { steps: Vec::new(), end: "every operation has an order, but not that of the indices".to_owned() }
        }
        Decision::Unknown { reason } => Prefix { steps: Vec::new(), end: reason },
    }
}

fn replay(history: &History, script: &Script, order: &[u32], end: String) -> Prefix {
    let mut registry = Registry::default();
    let steps = order.iter().map(|&step| {
        let position = script.steps[step as usize].call;
        let call = &history.calls[position as usize];
        registry.permits(history, call);
        Step { call: position, state: state(history, &registry, call) }
    });
    Prefix { steps: steps.collect(), end }
}

/// The services that the call touches, as they are now.
fn state(history: &History, registry: &Registry, call: &Call) -> String {
    let (ns, service) = match call.operation {
        Operation::Register { ns, service, .. }
        | Operation::Deregister { ns, service, .. }
        | Operation::Read { ns, service, .. }
        | Operation::Poll { ns, service, .. } => (ns, Some(service)),
        Operation::DeregisterId { ns, .. }
        | Operation::Report { ns, .. }
        | Operation::RenewMany { ns, .. }
        | Operation::List { ns, .. } => (ns, None),
        Operation::Membership { .. } => return String::new(),
    };
    let of = |service: Symbol| format!("{}: {}", history.name(service), registry.describe(history, ns, service));
    match service {
        Some(service) => of(service),
        None => registry.services(ns).map(of).collect::<Vec<_>>().join("; "),
    }
}
