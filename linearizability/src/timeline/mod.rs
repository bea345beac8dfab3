//! The timeline: one HTML file that shows a run and what broke in it. It carries its data, style and script itself and
//! opens without a network.
//!
//! | room | what |
//! |---|---|
//! | `lanes` | clients that never overlapped share a lane |
//! | `text` | calls and answers as one line each |
//! | `page/` | the page: skeleton, style, script (`model`, `draw`, `panel`, `input`) |
//!
//! Decides nothing: it shows the history, the servers' roles and the report that it is given.

mod lanes;
mod text;

use serde_json::{Value, json};

use crate::history::{Call, FaultOutcome, History, NodeRecord, Outcome, Role, Run, Symbol, Time};
use crate::replicas::{ActiveFault, Faults};
use crate::report::visible;
use crate::verdict::{Evidence, Report, Status, Violation};

/// Operations that the page holds at most: a browser stays fluent with them, and the file below about 10 MB. Of a longer
/// history it shows the part around the first violation.
pub const OPERATIONS_MAX: usize = 20_000;

/// One step of the longest order that explains the beginning of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Position in `History::calls`.
    pub call: u32,
    /// The state after it, in a few words.
    pub state: String,
}

/// The order that explains the history up to where nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    pub steps: Vec<Step>,
    /// Why it ends there.
    pub end: String,
}

/// The page for `run` and what the judge said about it.
pub fn render(run: &Run, report: &Report, prefix: &Prefix, title: &str) -> String {
    let mut data = data(run, report, prefix, title);
    make_visible(&mut data);
    let data = data.to_string();
    // Nothing in the data may end the script element that carries it.
    let data = data.replace('<', "\\u003c");
    let script = [
        include_str!("page/model.js"),
        include_str!("page/draw.js"),
        include_str!("page/panel.js"),
        include_str!("page/input.js"),
    ]
    .concat();
    let mut page = include_str!("page/page.html").to_owned();
    for (place, text) in
        [("/*{{style}}*/", include_str!("page/style.css")), ("/*{{script}}*/", &script), ("/*{{data}}*/", &data)]
    {
        page = page.replacen(place, text, 1);
    }
    page
}

/// One name that turns the text around would make the times behind it read backwards.
fn make_visible(data: &mut Value) {
    match data {
        Value::String(text) => *text = text.split('\n').map(visible).collect::<Vec<_>>().join("\n"),
        Value::Array(values) => values.iter_mut().for_each(make_visible),
        Value::Object(values) => values.values_mut().for_each(make_visible),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Which calls the page shows, and the words for what it leaves out.
struct Shown {
    /// Positions in `History::calls`, in order.
    from: usize,
    to: usize,
    note: String,
}

impl Shown {
    fn of(history: &History, violations: &[Violation]) -> Self {
        let total = history.calls.len();
        if total <= OPERATIONS_MAX {
            return Self { from: 0, to: total, note: String::new() };
        }
        let first = violations.iter().flat_map(calls_of).min().unwrap_or(0) as usize;
        let from = first.saturating_sub(OPERATIONS_MAX / 2).min(total - OPERATIONS_MAX);
        let to = from + OPERATIONS_MAX;
        Self {
            from,
            to,
            note: format!(
                "This page shows the calls {} to {to} of {total}: those around the first violation.",
                from + 1
            ),
        }
    }

    /// The place of a call among those shown.
    fn place(&self, call: u32) -> Option<usize> {
        let call = call as usize;
        (self.from <= call && call < self.to).then(|| call - self.from)
    }
}

fn calls_of(violation: &Violation) -> impl Iterator<Item = u32> {
    violation.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Call(call) => Some(*call),
        Evidence::Fault(_) | Evidence::Record { .. } => None,
    })
}

fn data(run: &Run, report: &Report, prefix: &Prefix, title: &str) -> Value {
    let history = &run.history;
    let shown = Shown::of(history, &report.violations);
    let calls = &history.calls[shown.from..shown.to];
    let nodes = nodes(run, calls);
    let lanes = lanes::assign(calls, history.end);
    let mut tables = Tables::default();
    let ops: Vec<Value> = calls.iter().map(|call| row(history, call, &nodes, &lanes, &mut tables)).collect();
    json!({
        "title": title,
        "verdict": report.verdict().word(),
        "note": shown.note,
        "end": history.end.0,
        "nodes": nodes,
        "lanes": lanes.names,
        "kinds": tables.kinds,
        "services": tables.services,
        "ops": ops,
        "faults": faults(history, &nodes),
        "phases": Faults::read(&history.faults).phases.iter().map(|(time, name)| json!([time.0, name])).collect::<Vec<_>>(),
        "roles": nodes.iter().map(|node| roles(run, node)).collect::<Vec<_>>(),
        "violations": violations(report, &shown),
        "prefix": prefix.steps.iter().filter_map(|step| Some(json!([shown.place(step.call)?, step.state]))).collect::<Vec<_>>(),
        "prefix_end": prefix.end,
    })
}

/// Words that occur in many rows, once each.
#[derive(Default)]
struct Tables {
    kinds: Vec<String>,
    services: Vec<String>,
}

fn place_of(table: &mut Vec<String>, word: String) -> usize {
    table.iter().position(|known| *known == word).unwrap_or_else(|| {
        table.push(word);
        table.len() - 1
    })
}

fn nodes(run: &Run, calls: &[Call]) -> Vec<String> {
    let mut symbols: Vec<Symbol> = calls.iter().map(|call| call.node).collect();
    symbols.sort_unstable();
    symbols.dedup();
    let mut nodes: Vec<String> = symbols.into_iter().map(|symbol| run.history.name(symbol).into_owned()).collect();
    nodes.extend(run.nodes.iter().map(|record| record.node.clone()));
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// The columns that `page/model.js` reads.
fn row(history: &History, call: &Call, nodes: &[String], lanes: &lanes::Lanes, tables: &mut Tables) -> Value {
    let (outcome, returned) = match call.outcome {
        Outcome::Ok(_) => (0, Some(call.returned.0)),
        Outcome::Failed(_) => (1, Some(call.returned.0)),
        Outcome::Unknown(Some(_)) => (2, None),
        Outcome::Unknown(None) => (3, None),
    };
    let node = nodes.iter().position(|node| *node == history.name(call.node));
    let stale = call.operation.mode().is_some_and(|mode| !mode.is_linearizable());
    json!([
        call.number,
        call.process,
        lanes.of(call.process),
        node,
        place_of(&mut tables.kinds, call.operation.word().to_owned()),
        place_of(&mut tables.services, text::service(history, call)),
        call.invoked.0,
        returned.or_else(|| lanes.given_up(call)),
        outcome,
        u8::from(stale),
        text::asked(history, call),
        text::answered(history, call),
    ])
}

fn faults(history: &History, nodes: &[String]) -> Vec<Value> {
    let entry = |fault: &ActiveFault| {
        let concerned: Vec<usize> = if fault.targets.is_empty() && fault.links.is_empty() {
            Vec::new()
        } else {
            (0..nodes.len()).filter(|at| fault.concerns(&nodes[*at])).collect()
        };
        let outcome = match fault.outcome {
            FaultOutcome::Installed => "installed",
            FaultOutcome::Skipped => "skipped",
            FaultOutcome::Indeterminate => "indeterminate: it may not have bitten",
        };
        let links: Vec<String> = fault.links.iter().map(|(from, to)| format!("{from}→{to}")).collect();
        let to = (fault.to != Time::NEVER).then_some(fault.to.0);
        json!([
            fault.name,
            fault.from.0,
            to,
            concerned,
            format!("{} {}{}", fault.name, fault.targets.join(" "), links.join(" ")),
            outcome
        ])
    };
    Faults::read(&history.faults).active.iter().map(entry).collect()
}

fn roles(run: &Run, node: &str) -> Vec<Value> {
    let Some(record) = run.nodes.iter().find(|record| record.node == node) else { return Vec::new() };
    let until = |at: usize, record: &NodeRecord| record.roles.get(at + 1).map(|next| next.time);
    record
        .roles
        .iter()
        .enumerate()
        .map(|(at, change)| json!([change.time, until(at, record), change.term, role_word(change.role)]))
        .collect()
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Learner => "learner",
        Role::Stopped => "stopped",
    }
}

/// The violations, then what could not be decided: that is no pass either.
fn violations(report: &Report, shown: &Shown) -> Vec<Value> {
    let undecided = report.statuses.iter().filter_map(|(property, status)| match status {
        Status::Undecided { reason } => {
            Some(json!({ "id": property.id(), "text": format!("undecided: {reason}"), "ops": [], "undecided": true }))
        }
        Status::NotExercised | Status::Held { .. } | Status::Violated { .. } => None,
    });
    report.violations.iter().map(|violation| violation_entry(violation, shown)).chain(undecided).collect()
}

fn violation_entry(violation: &Violation, shown: &Shown) -> Value {
    let text: Vec<&str> =
        std::iter::once(violation.summary.as_str()).chain(violation.explanation.iter().map(String::as_str)).collect();
    let ops: Vec<usize> = calls_of(violation).filter_map(|call| shown.place(call)).collect();
    json!({ "id": violation.property.id(), "text": text.join("\n"), "ops": ops })
}
