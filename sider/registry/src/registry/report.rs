//! Statuses: as reported, and as the leader's deadlines expire.

use super::Registry;
use super::change::Change;
use super::register::within;
use crate::command::{CheckReport, Expiry, Outcome, Rejection, ReportResult};
use crate::limits;
use crate::model::{Check, CheckKey, Index, Instance, Status, cut_output};

/// Output of a check whose ttl passed without a renewal (Consul's text).
const EXPIRED_OUTPUT: &str = "TTL expired";

impl Registry {
    pub(super) fn report(&mut self, reports: &[CheckReport], change: &mut Change) -> Result<Outcome, Rejection> {
        within("a batch of reports", reports.len(), limits::CHECKS_PER_BATCH_MAX)?;
        let results: Vec<ReportResult> = reports.iter().map(|report| self.report_one(report, change)).collect();
        match (reports, results.as_slice()) {
            ([only], [ReportResult::UnknownCheck]) => Err(Rejection::UnknownCheck {
                namespace: only.check.namespace.to_string(),
                id: only.check.id.to_string(),
            }),
            _ => Ok(Outcome::Reported { index: self.index_with(change), results }),
        }
    }

    /// A report of the status that the check has is a renewal: it changes nothing, its output is not kept.
    fn report_one(&mut self, report: &CheckReport, change: &mut Change) -> ReportResult {
        match self.records.check(&report.check).map(|check| check.status) {
            None => ReportResult::UnknownCheck,
            Some(status) if status == report.status => ReportResult::Unchanged,
            Some(_) => {
                // A full registry still says how things are: only the text that explains it is left out.
                let full = self.records.digest().bytes() >= self.bounds.bytes;
                let output = if full { "" } else { cut_output(&report.output) };
                self.set_status(&report.check, report.status, output, change);
                ReportResult::Changed
            }
        }
    }

    pub(super) fn expire(&mut self, expiries: &[Expiry], change: &mut Change) -> Result<Outcome, Rejection> {
        within("a batch of expiries", expiries.len(), limits::CHECKS_PER_BATCH_MAX)?;
        let mut count = 0;
        for Expiry { check, seen } in expiries {
            let deadline = self.records.check(check).and_then(|check| check.deadline());
            // The fence: whatever moved the check since the leader looked has also given it a new deadline (TTL-4).
            if deadline.is_some_and(|(_, modify_index)| modify_index == *seen) {
                self.set_status(check, Status::Critical, EXPIRED_OUTPUT, change);
                count += 1;
            }
        }
        Ok(Outcome::Expired { index: self.index_with(change), count })
    }

    /// Gives a check that is there another status. Its instance changes with it: readers see one body.
    fn set_status(&mut self, key: &CheckKey, status: Status, output: &str, change: &mut Change) {
        let old = self.records.check(key).expect("the caller found the check").as_ref().clone();
        assert_ne!(old.status, status, "only a change of the status is written");
        let instance = self.records.instance(&old.instance).expect("every check belongs to an instance");
        let instance = Instance { modify_index: change.index, ..instance.as_ref().clone() };
        let (changed_at, modify_index) = (change.at, change.index);
        self.put_check(Check { status, output: output.to_owned(), changed_at, modify_index, ..old }, change);
        self.put_instance(instance, change);
    }

    /// The Index after the change.
    fn index_with(&self, change: &Change) -> Index {
        if change.is_empty() { self.index } else { change.index }
    }
}
