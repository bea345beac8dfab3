//! The report as JSON: one object, stable keys.

use serde_json::{Value, json};

use super::describe;
use crate::history::History;
use crate::verdict::{Evidence, Report, Status, Violation};

/// `{"verdict", "exit_code", "operations", "lines", "properties": {id: {"status", ...}}, "violations": [...], "missing": [id]}`.
pub fn to_json(history: &History, report: &Report) -> Value {
    let properties: serde_json::Map<String, Value> =
        report.statuses.iter().map(|(property, status)| (property.id().to_owned(), of_status(status))).collect();
    json!({
        "verdict": report.verdict().word(),
        "exit_code": report.verdict().exit_code(),
        "operations": report.calls,
        "lines": history.lines,
        "properties": properties,
        "violations": report.violations.iter().map(|violation| of_violation(history, violation)).collect::<Vec<_>>(),
        "missing": report.missing.iter().map(|property| property.id()).collect::<Vec<_>>(),
    })
}

fn of_status(status: &Status) -> Value {
    match status {
        Status::NotExercised => json!({ "status": "not-exercised" }),
        Status::Held { observations } => json!({ "status": "held", "observations": observations }),
        Status::Undecided { reason } => json!({ "status": "undecided", "reason": reason }),
        Status::Violated { violations, observations } => {
            json!({ "status": "violated", "violations": violations, "observations": observations })
        }
    }
}

fn of_violation(history: &History, violation: &Violation) -> Value {
    json!({
        "property": violation.property.id(),
        "summary": violation.summary,
        "evidence": violation.evidence.iter().map(|evidence| of_evidence(history, evidence)).collect::<Vec<_>>(),
        "explanation": violation.explanation,
    })
}

fn of_evidence(history: &History, evidence: &Evidence) -> Value {
    match evidence {
        Evidence::Call(at) => history.calls.get(*at as usize).map_or(Value::Null, |call| {
            json!({
                "op": call.number,
                "process": call.process,
                "node": history.name(call.node),
                "line": call.line,
                "end_line": (call.end_line > 0).then_some(call.end_line),
                "invoked_ns": call.invoked.0,
                "returned_ns": (!call.is_unknown()).then_some(call.returned.0),
                "call": describe::operation(history, &call.operation),
                "outcome": describe::outcome(history, call),
            })
        }),
        Evidence::Fault(at) => history.faults.get(*at as usize).map_or(
            Value::Null,
            |fault| json!({ "fault": fault.name, "line": fault.line, "time_ns": fault.time.0, "value": fault.value }),
        ),
        Evidence::Record { file, line } => json!({ "file": file, "line": line }),
    }
}
