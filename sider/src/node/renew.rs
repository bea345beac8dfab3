//! Reports and renewals on the leader (SPEC section 6): what changes nothing is acknowledged without the log.

use std::time::Duration;

use sider_registry::command::{CheckReport, ReportResult};
use sider_registry::model::{CheckKey, CheckKind, Index, Status};
use sider_registry::{Command, Outcome, Rejection};

use super::core::Core;
use super::{ReadError, WriteError};
use crate::expirer::{Held, Renewal};

impl Core {
    /// Reports of one request. Those that repeat a check's status move its deadline and write nothing, after one quorum
    /// round (shared by all who wait) has confirmed that this server leads; if one needs the log, all are one command.
    pub async fn report_here(
        &self,
        reports: Vec<CheckReport>,
        key: Option<String>,
        within: Duration,
    ) -> Result<Outcome, WriteError> {
        let received = self.host().now();
        let deadline = received + within;
        // To the end none of these checks comes due: a renewal that arrived in time is not overtaken by its own deadline.
        let held = self.parts.expirer.hold(reports.iter().map(|report| report.check.clone()).collect());
        tracing::trace!(target: "sider::point", point = "renew.before_confirm", checks = reports.len());
        // The barrier also waits until everything committed before is applied, an expiry that an earlier leader had
        // proposed among it: only then is "it is passing" a fact. A barrier that fails has moved nothing.
        self.barrier_here(within).await.map_err(|error| match error {
            ReadError::NoLeader(why) | ReadError::Lagging(why) => WriteError::NoLeader(why),
            ReadError::NotReady(why) => WriteError::NotReady(why),
        })?;
        let mut sorted = self.sort_out(&reports, received, &held);
        while sorted.meets_expiry {
            // Behind the expiry in the log, never beside it: its fence would let it overtake an acknowledged renewal.
            let remaining = deadline.saturating_sub(self.host().now());
            if self.host().timeout(remaining, self.parts.expirer.settled()).await.is_err() {
                return Err(WriteError::Unknown("an expiry of the check was under way all the time".to_owned()));
            }
            sorted = self.sort_out(&reports, received, &held);
        }
        if sorted.needs_log || key.is_some() {
            // Whole, not the part that would change: one request has one answer, of one state (LIN-4), and the window of
            // keys remembers whole commands.
            let remaining = deadline.saturating_sub(self.host().now());
            return self.propose(Command::Report { reports }, key, remaining).await;
        }
        Ok(answer(sorted.index, sorted.results, &reports))
    }

    /// What the reports come to in the state as it is: nothing (and deadlines are moved), or a logged command.
    fn sort_out(&self, reports: &[CheckReport], received: Duration, held: &Held) -> Sorted {
        self.parts.state.read(|registry| {
            let mut sorted = Sorted { index: registry.index(), ..Sorted::default() };
            for report in reports {
                let result = match registry.check(&report.check) {
                    None => ReportResult::UnknownCheck,
                    Some(check) if check.status != report.status => {
                        sorted.meets_expiry |= self.parts.expirer.expiring(&report.check);
                        ReportResult::Changed
                    }
                    Some(check) => match self.moves_deadline(report, &check.kind, received, held) {
                        Renewal::Moved => ReportResult::Unchanged,
                        met => {
                            sorted.meets_expiry |= met == Renewal::Expiring;
                            sorted.needs_log = true;
                            ReportResult::Unchanged
                        }
                    },
                };
                sorted.needs_log |= result == ReportResult::Changed;
                sorted.results.push(result);
            }
            sorted
        })
    }

    /// A check without a deadline (not of type ttl, or critical) needs nothing moved.
    fn moves_deadline(&self, report: &CheckReport, kind: &CheckKind, received: Duration, held: &Held) -> Renewal {
        if !matches!(kind, CheckKind::Ttl { .. }) || report.status == Status::Critical {
            return Renewal::Moved;
        }
        self.parts.expirer.renew(&report.check, received, held)
    }
}

/// What the reports of one request come to.
#[derive(Default)]
struct Sorted {
    /// The registry's Index when they were looked at.
    index: Index,
    /// The answers, if nothing needs the log.
    results: Vec<ReportResult>,
    needs_log: bool,
    /// One of them meets an expiry under way.
    meets_expiry: bool,
}

/// A single report on an unknown check is rejected; in a batch it is named.
fn answer(index: Index, results: Vec<ReportResult>, reports: &[CheckReport]) -> Outcome {
    match (results.as_slice(), reports) {
        ([ReportResult::UnknownCheck], [report]) => Outcome::Rejected(unknown(&report.check)),
        _ => Outcome::Reported { index, results },
    }
}

fn unknown(check: &CheckKey) -> Rejection {
    Rejection::UnknownCheck { namespace: check.namespace.0.as_str().to_owned(), id: check.id.as_str().to_owned() }
}
