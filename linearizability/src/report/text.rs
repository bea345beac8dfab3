//! The report as text.

use std::fmt::Write as _;

use super::visible::visible;
use crate::history::History;
use crate::verdict::{Evidence, Report, Status, Verdict};

/// The report for a terminal: the verdict, every violation like a bug report, then every property with what it rests on.
pub fn to_text(history: &History, report: &Report) -> String {
    let mut text = String::new();
    let verdict = report.verdict();
    let violations = report.violations.len();
    let headline = match verdict {
        Verdict::Pass => "every promise that was exercised held".to_owned(),
        Verdict::Violated => format!("{violations} broken promise{}", if violations == 1 { "" } else { "s" }),
        Verdict::Unknown => "the judge could not decide; that is not a pass".to_owned(),
        Verdict::Vacuous => "the run did not exercise what it had to; that is not a pass".to_owned(),
        Verdict::HarnessFailure | Verdict::NonDeterministic => "the run cannot be judged".to_owned(),
    };
    let _ = writeln!(text, "{verdict}: {headline} ({} operations, {} lines)", report.calls, history.lines);
    for violation in &report.violations {
        let _ = writeln!(text, "\n{} violated: {}", violation.property, visible(&violation.summary));
        for line in &violation.explanation {
            let _ = writeln!(text, "    {}", visible(line));
        }
        let places: Vec<String> = violation.evidence.iter().map(|evidence| place(history, evidence)).collect();
        if !places.is_empty() {
            let _ = writeln!(text, "    evidence: {}", visible(&places.join("; ")));
        }
    }
    if !report.missing.is_empty() {
        let missing: Vec<&str> = report.missing.iter().map(|property| property.id()).collect();
        let _ = writeln!(text, "\nrequired and not exercised: {}", missing.join(", "));
    }
    let _ = writeln!(text, "\nproperty  status                      promise");
    for (property, status) in &report.statuses {
        let status = match status {
            Status::Held { observations } => format!("held ({observations})"),
            Status::NotExercised => "not exercised".to_owned(),
            Status::Undecided { .. } => "UNDECIDED".to_owned(),
            Status::Violated { violations, .. } => format!("VIOLATED ({violations})"),
        };
        let _ = writeln!(text, "{:<9} {status:<27} {}", property.id(), property.promise());
    }
    for (property, status) in &report.statuses {
        if let Status::Undecided { reason } = status {
            let _ = writeln!(text, "\n{property} undecided: {reason}");
        }
    }
    text
}

/// Where to look.
fn place(history: &History, evidence: &Evidence) -> String {
    match evidence {
        Evidence::Call(at) => match history.calls.get(*at as usize) {
            Some(call) if call.end_line > 0 => {
                format!("op {} (lines {} and {})", call.number, call.line, call.end_line)
            }
            Some(call) => format!("op {} (line {})", call.number, call.line),
            None => format!("call {at}"),
        },
        Evidence::Fault(at) => match history.faults.get(*at as usize) {
            Some(fault) => format!("{} (line {})", fault.name, fault.line),
            None => format!("fault {at}"),
        },
        Evidence::Record { file, line } => format!("{file}, line {line}"),
    }
}
