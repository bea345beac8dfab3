//! Bending a generated recording: finding calls by what they did, and judging the result.

#![allow(dead_code, reason = "each test binary uses its part")]

use linearizability::generate::{Kind, Recording};
use linearizability::history::Run;
use linearizability::verdict::{Property, Report, Status};
use linearizability::{Options, judge, report};
use serde_json::Value;

/// A call: positions of its two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub invoke: usize,
    pub ok: usize,
}

/// The answered calls of the recording.
pub fn answered(recording: &Recording) -> Vec<Call> {
    let mut open = std::collections::BTreeMap::new();
    let mut calls = Vec::new();
    for (at, line) in recording.lines.iter().enumerate() {
        if line.process.is_none() {
            continue;
        }
        if line.kind == Kind::Invoke {
            open.insert(line.op, at);
        } else if let Some(invoke) = open.remove(&line.op)
            && line.kind == Kind::Ok
        {
            calls.push(Call { invoke, ok: at });
        }
    }
    calls
}

/// The answered calls of operation `f`.
pub fn of(recording: &Recording, f: &str) -> Vec<Call> {
    answered(recording).into_iter().filter(|call| recording.lines[call.invoke].f == f).collect()
}

/// Default reads of one service with at least `rows` rows.
pub fn reads(recording: &Recording, rows: usize) -> Vec<Call> {
    let default = |call: &Call| arguments(recording, *call).get("mode").is_none();
    let enough = |call: &Call| body(recording, *call).len() >= rows;
    of(recording, "read").into_iter().filter(default).filter(enough).collect()
}

pub fn arguments(recording: &Recording, call: Call) -> &Value {
    &recording.lines[call.invoke].value
}

pub fn answer(recording: &Recording, call: Call) -> &Value {
    &recording.lines[call.ok].value
}

pub fn body(recording: &Recording, call: Call) -> &[Value] {
    answer(recording, call)["body"].as_array().map_or(&[], Vec::as_slice)
}

pub fn body_mut(recording: &mut Recording, call: Call) -> &mut Vec<Value> {
    recording.lines[call.ok].value["body"].as_array_mut().expect("a read has a body")
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

pub fn xi(recording: &Recording, call: Call) -> u64 {
    number(&answer(recording, call)["xi"])
}

pub fn applied(recording: &Recording, call: Call) -> u64 {
    number(&answer(recording, call)["applied"])
}

/// The indices that changes own: claimed by an acknowledged register or deregister. The generator's registers carry their
/// own nonce each, so each of them is a change.
pub fn changes(recording: &Recording) -> Vec<Call> {
    let writes = ["register", "deregister", "deregister_id"];
    answered(recording).into_iter().filter(|call| writes.contains(&recording.lines[call.invoke].f.as_str())).collect()
}

/// The judge's report on the recording.
pub fn judged(recording: &Recording, black_box: bool) -> (String, Report) {
    let history = recording.to_history().expect("a bent history is still well-formed");
    let run = Run { history, nodes: Vec::new() };
    let report = judge(&run, &Options { black_box, only_linear: true, ..Options::default() });
    (report::to_text(&run.history, &report), report)
}

/// Whether one of LIN-1 to LIN-4 is violated.
pub fn is_rejected(report: &Report) -> bool {
    let linear = [Property::Lin1, Property::Lin2, Property::Lin3, Property::Lin4];
    linear.iter().any(|property| matches!(report.status(*property), Status::Violated { .. }))
}
