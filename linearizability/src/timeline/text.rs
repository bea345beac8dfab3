//! Calls and answers as one line each, for people.

use crate::history::{Answer, Call, History, Operation, Outcome, Status, View};

/// Longest text of an answer; a body of a thousand rows is cut.
const TEXT_MAX: usize = 400;

/// `ns/name`, without the default namespace; empty for an operation on no single service.
pub(super) fn service(history: &History, call: &Call) -> String {
    let (Operation::Register { ns, service, .. }
    | Operation::Deregister { ns, service, .. }
    | Operation::Read { ns, service, .. }
    | Operation::Poll { ns, service, .. }) = call.operation
    else {
        return String::new();
    };
    let (ns, service) = (history.name(ns), history.name(service));
    if ns == "default" { service.into_owned() } else { format!("{ns}/{service}") }
}

/// The arguments.
pub(super) fn asked(history: &History, call: &Call) -> String {
    let name = |symbol| history.name(symbol);
    match call.operation {
        Operation::Register { id, nonce, checks, .. } => {
            let checks: Vec<String> = history
                .specs(checks)
                .iter()
                .map(|spec| {
                    let ttl = spec.ttl_ms.map_or_else(String::new, |ttl_ms| format!(" ttl {ttl_ms} ms"));
                    let status = spec.status.map_or_else(String::new, |status| format!(" {}", status.word()));
                    format!("{}{ttl}{status}", name(spec.id))
                })
                .collect();
            cut(format!("{} = {} [{}]", name(id), history.token(nonce), checks.join(", ")))
        }
        Operation::Deregister { id, .. } => name(id).into_owned(),
        Operation::DeregisterId { ns, id } => format!("{}/*/{}", name(ns), name(id)),
        Operation::Report { check, status, .. } => format!("{} {}", name(check), status.word()),
        Operation::RenewMany { checks, .. } => {
            cut(history.symbols(checks).iter().map(|check| name(*check)).collect::<Vec<_>>().join(" "))
        }
        Operation::Read { mode, floor, .. } => {
            format!("{}{}", mode.word(), floor.map_or_else(String::new, |floor| format!(", at least {floor}")))
        }
        Operation::Poll { mode, passing, wait_ms, li, .. } => {
            format!("index {li}, wait {wait_ms} ms, {}{}", mode.word(), if passing { ", passing only" } else { "" })
        }
        Operation::List { ns, mode } => format!("{} {}", name(ns), mode.word()),
        Operation::Membership { id, .. } => name(id).into_owned(),
    }
}

/// The answer, or the error.
pub(super) fn answered(history: &History, call: &Call) -> String {
    match &call.outcome {
        Outcome::Failed(error) | Outcome::Unknown(Some(error)) => history.name(*error).into_owned(),
        Outcome::Unknown(None) | Outcome::Ok(Answer::Done) => String::new(),
        Outcome::Ok(Answer::Written { xi, .. }) => format!("@{xi}"),
        Outcome::Ok(Answer::Services { xi, applied, names }) => {
            let names: Vec<_> = history.symbols(*names).iter().map(|service| history.name(*service)).collect();
            cut(format!("@{xi} of {applied}: {}", names.join(" ")))
        }
        Outcome::Ok(Answer::View(view)) => cut(body(history, view)),
    }
}

fn body(history: &History, view: &View) -> String {
    let rows: Vec<String> = history
        .rows(view.body)
        .iter()
        .map(|row| {
            let failing = history.row_checks(row.checks).iter().filter(|check| check.status != Status::Passing);
            let checks: Vec<String> =
                failing.map(|check| format!("{} {}", history.name(check.id), check.status.word())).collect();
            let checks = if checks.is_empty() { String::new() } else { format!(" ({})", checks.join(", ")) };
            format!("{}={}{checks}", history.name(row.id), history.token(row.nonce))
        })
        .collect();
    let contact = view.last_contact_ms.map_or_else(String::new, |contact_ms| format!(", contact {contact_ms} ms ago"));
    let rows = if rows.is_empty() { "nobody".to_owned() } else { rows.join(" ") };
    format!("@{} of {}{contact}: {rows}", view.xi, view.applied)
}

fn cut(text: String) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text;
    }
    text.chars().take(TEXT_MAX).chain(['…']).collect()
}
