//! Calls and answers in words, as a person would write them into a bug report.

use crate::history::{Answer, Call, CheckSpec, History, Membership, Operation, Outcome, Row};

/// `op 12, process 3 on n1, 0.001000 s to 0.004000 s: register api/i3 nonce 5-77 -> ok, index 12`.
pub fn call(history: &History, call: &Call) -> String {
    let until = if call.is_unknown() { "never answered".to_owned() } else { format!("to {}", call.returned) };
    format!(
        "op {}, process {} on {}, {} {until}: {} -> {}",
        call.number,
        call.process,
        history.name(call.node),
        call.invoked,
        operation(history, &call.operation),
        outcome(history, call)
    )
}

/// What was asked.
pub fn operation(history: &History, operation: &Operation) -> String {
    let name = |symbol| history.name(symbol);
    match *operation {
        Operation::Register { service, id, nonce, checks, .. } => {
            let specs = specs(history, history.specs(checks));
            format!("register {}/{} with nonce {}{specs}", name(service), name(id), history.token(nonce))
        }
        Operation::Deregister { service, id, .. } => format!("deregister {}/{}", name(service), name(id)),
        Operation::DeregisterId { id, .. } => format!("deregister {} in every service", name(id)),
        Operation::Report { check, status, .. } => format!("report check {} {}", name(check), status.word()),
        Operation::RenewMany { checks, .. } => format!("renew checks {}", list(history, history.symbols(checks))),
        Operation::Read { service, mode, .. } => format!("read {} ({})", name(service), mode.word()),
        Operation::Poll { service, mode, passing, li, wait_ms, .. } => {
            let filter = if passing { ", passing only" } else { "" };
            format!("poll {} past index {li} for {wait_ms} ms ({}{filter})", name(service), mode.word())
        }
        Operation::List { mode, .. } => format!("list services ({})", mode.word()),
        Operation::Membership { change, id } => {
            let verb = match change {
                Membership::Join => "join",
                Membership::Remove => "remove",
                Membership::Transfer => "transfer to",
            };
            format!("{verb} {}", name(id))
        }
    }
}

fn specs(history: &History, specs: &[CheckSpec]) -> String {
    if specs.is_empty() {
        return String::new();
    }
    let each = specs.iter().map(|spec| {
        let kind = spec.ttl_ms.map_or(String::new(), |ttl_ms| format!(" ttl {ttl_ms} ms"));
        let status = spec.status.map_or("", |status| status.word());
        let space = if status.is_empty() { "" } else { " " };
        format!("{}{kind}{space}{status}", history.name(spec.id))
    });
    format!(" and checks [{}]", each.collect::<Vec<_>>().join(", "))
}

/// How it ended.
pub fn outcome(history: &History, call: &Call) -> String {
    match &call.outcome {
        Outcome::Failed(error) => format!("rejected ({})", history.name(*error)),
        Outcome::Unknown(None) => "unknown (the recording ended)".to_owned(),
        Outcome::Unknown(Some(error)) => format!("unknown ({})", history.name(*error)),
        Outcome::Ok(Answer::Done) => "ok".to_owned(),
        Outcome::Ok(Answer::Written { xi, .. }) => format!("ok, index {xi}"),
        Outcome::Ok(Answer::View(view)) => {
            format!("{} (index {}, read from {})", body(history, history.rows(view.body)), view.xi, view.applied)
        }
        Outcome::Ok(Answer::Services { applied, names, .. }) => {
            format!("[{}] (read from index {applied})", list(history, history.symbols(*names)))
        }
    }
}

/// The rows of a body; long ones are cut.
pub fn body(history: &History, rows: &[Row]) -> String {
    const SHOWN: usize = 8;
    let mut each: Vec<String> = rows.iter().take(SHOWN).map(|one| row(history, one)).collect();
    if rows.len() > SHOWN {
        each.push(format!("and {} more", rows.len() - SHOWN));
    }
    format!("[{}]", each.join(", "))
}

/// `i3 = 5-77@12 (c1 passing)`.
pub fn row(history: &History, row: &Row) -> String {
    let checks = history.row_checks(row.checks).iter();
    let checks: Vec<String> =
        checks.map(|check| format!("{} {}", history.name(check.id), check.status.word())).collect();
    let checks = if checks.is_empty() { String::new() } else { format!(" ({})", checks.join(", ")) };
    format!("{} = {}@{}{checks}", history.name(row.id), history.token(row.nonce), row.modify_index)
}

fn list(history: &History, names: &[crate::history::Symbol]) -> String {
    names.iter().map(|name| history.name(*name)).collect::<Vec<_>>().join(", ")
}
