//! Batches: all renewals and reports of a namespace that are due together go in one request, and one request of a
//! namespace is under way at a time, so that an old status never overtakes a new one.

use std::time::Duration;

use sider_client::Outcome;
use sider_client::wire::RenewOutcome;
use sider_registry::model::Namespace;

use super::queue::Due;
use super::{Action, Check, CheckNo, Core, Report};
use crate::config::Duty;
use crate::limits;

/// One result for each report of a batch, in order.
pub type ReportResults = Vec<RenewOutcome>;

/// The batches of one namespace.
#[derive(Debug, Default)]
pub(super) struct Lane {
    in_flight: Option<InFlight>,
    /// No batch goes before this: the pause after a failure.
    not_before: Duration,
    failures: u32,
    due: Option<Duration>,
}

#[derive(Debug)]
struct InFlight {
    sent: Duration,
    reports: Vec<Report>,
}

impl Core {
    /// The namespace's next batch, if one may go and anything is due.
    pub(super) fn begin_batch(&mut self, now: Duration, namespace: &Namespace) -> Option<Action> {
        if self.stopping {
            return None;
        }
        let lane = self.lanes.entry(namespace.clone()).or_default();
        if lane.in_flight.is_some() {
            return None;
        }
        if lane.not_before > now {
            self.queue.schedule(&mut lane.due, Due::Lane(namespace.clone()), Some(lane.not_before));
            return None;
        }
        let reports = self.collect(now, namespace);
        if reports.is_empty() {
            return None;
        }
        let lane = self.lanes.entry(namespace.clone()).or_default();
        lane.in_flight = Some(InFlight { sent: now, reports: reports.clone() });
        Some(Action::Report { namespace: namespace.clone(), reports })
    }

    /// What is due, and what is due soon enough to share the request; the most urgent first, within the bounds of a batch.
    fn collect(&self, now: Duration, namespace: &Namespace) -> Vec<Report> {
        let mut due: Vec<(Duration, CheckNo)> = self
            .checks
            .iter()
            .filter(|(_, check)| check.namespace() == namespace)
            .filter_map(|(no, check)| {
                check.send_due.filter(|at| *at <= now + check.may_be_early_by()).map(|at| (at, *no))
            })
            .collect();
        due.sort_unstable();
        if due.first().is_none_or(|(at, _)| *at > now) {
            return Vec::new();
        }
        let mut len = 0;
        due.into_iter()
            .filter_map(|(_, no)| self.checks.get(&no)?.report(no))
            .take(limits::BATCH_CHECKS_MAX)
            .take_while(|report| {
                len += json_len(report);
                len <= limits::BATCH_LEN_MAX
            })
            .collect()
    }

    /// A batch is over.
    pub fn reported(&mut self, now: Duration, namespace: &Namespace, outcome: Outcome<ReportResults>) {
        let mut news_of_loss = false;
        let Some(lane) = self.lanes.get_mut(namespace) else { return };
        let Some(batch) = lane.in_flight.take() else { return };
        match outcome {
            Outcome::Ok(results) if results.len() == batch.reports.len() => {
                lane.failures = 0;
                for (report, result) in batch.reports.iter().zip(results) {
                    match result {
                        RenewOutcome::Ok | RenewOutcome::Changed => self.told(now, batch.sent, report),
                        RenewOutcome::Unknown => news_of_loss |= self.lost(now, report.check),
                    }
                }
            }
            outcome => {
                lane.failures += 1;
                let failures = lane.failures;
                let reason = match outcome {
                    Outcome::Ok(results) => format!("{} answers to {} reports", results.len(), batch.reports.len()),
                    Outcome::Rejected { text, .. } | Outcome::Unknown(text) => text,
                };
                // An outage is long and the pauses are short: every doubling is said, not every attempt.
                if failures.is_power_of_two() {
                    tracing::warn!(ns = namespace.0.as_str(), failures, reason, "the cluster did not take a report");
                }
                let pause = self.backoff(failures);
                if let Some(lane) = self.lanes.get_mut(namespace) {
                    lane.not_before = now + pause;
                }
            }
        }
        if news_of_loss {
            self.tell_everything(now);
        }
        if let Some(lane) = self.lanes.get_mut(namespace) {
            // What came due meanwhile goes next.
            let at = lane.not_before.max(now);
            self.queue.schedule(&mut lane.due, Due::Lane(namespace.clone()), Some(at));
        }
    }

    /// Where one instance was lost others may be: what is told every few minutes only is told now.
    fn tell_everything(&mut self, now: Duration) {
        let later =
            |check: &&Check| check.send_due.is_some_and(|due| due > now) && matches!(check.config.duty, Duty::Probe(_));
        let all: Vec<CheckNo> = self.checks.iter().filter(|(_, check)| later(check)).map(|(no, _)| *no).collect();
        for no in all {
            self.plan_send(no, Some(now));
        }
    }

    /// The cluster knows this status. One that changed meanwhile stays due.
    fn told(&mut self, now: Duration, sent: Duration, report: &Report) {
        let no = report.check;
        let Some(check) = self.checks.get_mut(&no) else { return };
        check.acknowledged = Some(report.status);
        let stale = check.status != Some(report.status);
        if let Some(instance) = self.instances.get_mut(&check.instance) {
            instance.losses = 0;
        }
        if check.id.as_ref() != Some(&report.id) {
            return;
        }
        let next = if stale { Some(now) } else { self.next_send(sent, no) };
        self.plan_send(no, next);
    }
}

/// Bytes of a report in JSON, never less than it takes.
fn json_len(report: &Report) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 | 0x7f => 6,
        _ => 1,
    };
    let output: usize = report.output.bytes().map(escaped).sum();
    report.id.as_str().len() + output + r#"{"id":"","status":"critical","output":""},"#.len()
}
