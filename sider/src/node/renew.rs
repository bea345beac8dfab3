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
    /// round (shared by all who wait) has confirmed that this server leads; the others are one logged command.
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
        if key.is_some() {
            // One logical write has one answer, and the window remembers whole commands: never a part of one that
            // depends on what the state happens to be now.
            let remaining = deadline.saturating_sub(self.host().now());
            return self.propose(Command::Report { reports }, key, remaining).await;
        }
        let Sorted { index, mut results, logged, .. } = sorted;
        if logged.is_empty() {
            return Ok(answer(index, results, &reports));
        }
        let remaining = deadline.saturating_sub(self.host().now());
        let changes = logged.iter().map(|at| reports[*at].clone()).collect();
        match self.propose(Command::Report { reports: changes }, key, remaining).await? {
            Outcome::Reported { index, results: changed } => {
                for (at, result) in logged.iter().zip(changed) {
                    results[*at] = result;
                }
                Ok(answer(index, results, &reports))
            }
            // The one report of a batch that was logged is of a check that is gone by now: the others stand.
            Outcome::Rejected(Rejection::UnknownCheck { .. }) if reports.len() > 1 => {
                Ok(answer(index, results, &reports))
            }
            other => Ok(other),
        }
    }

    /// What each report does: nothing (and its deadline is moved), or a logged command.
    fn sort_out(&self, reports: &[CheckReport], received: Duration, held: &Held) -> Sorted {
        self.parts.state.read(|registry| {
            let mut sorted = Sorted { index: registry.index(), ..Sorted::default() };
            for (at, report) in reports.iter().enumerate() {
                let found = registry.check(&report.check).map(|check| (check.status, is_ttl(&check.kind)));
                let result = match found {
                    None => ReportResult::UnknownCheck,
                    Some((status, ttl)) if status == report.status => {
                        match self.moves_deadline(report, ttl, received, held) {
                            Renewal::Moved => ReportResult::Unchanged,
                            Renewal::Absent => sorted.log(at),
                            Renewal::Expiring => {
                                sorted.meets_expiry = true;
                                sorted.log(at)
                            }
                        }
                    }
                    Some(_) => {
                        sorted.meets_expiry |= self.parts.expirer.expiring(&report.check);
                        sorted.log(at)
                    }
                };
                sorted.results.push(result);
            }
            sorted
        })
    }

    /// A check without a deadline (not of type ttl, or critical) needs nothing moved.
    fn moves_deadline(&self, report: &CheckReport, ttl: bool, received: Duration, held: &Held) -> Renewal {
        if !ttl || report.status == Status::Critical {
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
    results: Vec<ReportResult>,
    /// Positions of those that need a logged command.
    logged: Vec<usize>,
    /// One of them meets an expiry under way.
    meets_expiry: bool,
}

impl Sorted {
    /// Marks the report as one for the log; its result stands until the log says otherwise.
    fn log(&mut self, at: usize) -> ReportResult {
        self.logged.push(at);
        ReportResult::UnknownCheck
    }
}

fn is_ttl(kind: &CheckKind) -> bool {
    matches!(kind, CheckKind::Ttl { .. })
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
