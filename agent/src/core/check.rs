//! One check: when it runs, when its status changes, when it is told to the cluster.

use std::time::Duration;

use sider_registry::model::{CheckId, InstanceKey, Namespace, Status};

use super::queue::Due;
use super::{Action, CheckNo, Core, Measured, Report};
use crate::config::{CheckConfig, Duty};
use crate::limits;

/// A status as it is written everywhere.
#[must_use]
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Critical => "critical",
        Status::Unknown => "unknown",
        Status::Warning => "warning",
        Status::Passing => "passing",
    }
}

/// A check of an instance of this host.
#[derive(Debug)]
pub struct Check {
    /// What the configuration says.
    pub config: CheckConfig,
    /// Its id in the registry, once the registration was answered.
    pub id: Option<CheckId>,
    /// Its status by its runs and thresholds; none before the first verdict.
    pub status: Option<Status>,
    /// What the run said that gave the status, or a later one.
    pub output: String,
    /// What the cluster acknowledged last.
    pub acknowledged: Option<Status>,
    pub(super) instance: InstanceKey,
    /// Failed and good runs in a row.
    pub(super) bad_run: u32,
    pub(super) good_run: u32,
    /// The status was measured in this life. A remembered one serves the thresholds only: nobody looked since.
    pub(super) measured: bool,
    pub(super) probing: bool,
    pub(super) probe_due: Option<Duration>,
    pub(super) send_due: Option<Duration>,
}

impl Check {
    pub(super) fn new(config: CheckConfig, instance: InstanceKey) -> Self {
        let renews = matches!(config.duty, Duty::Renew { .. });
        Self {
            config,
            id: None,
            status: renews.then_some(Status::Passing),
            output: String::new(),
            acknowledged: None,
            instance,
            bad_run: 0,
            good_run: 0,
            measured: renews,
            probing: false,
            probe_due: None,
            send_due: None,
        }
    }

    /// The agent renews it now: it is passing as long as the agent lives.
    pub(super) fn renew_from_now_on(&mut self) {
        self.status = Some(Status::Passing);
        self.measured = true;
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.instance.namespace
    }

    /// True when the agent tells the cluster about this check, and so learns when the cluster lost it.
    pub(super) fn is_reported(&self) -> bool {
        !matches!(self.config.duty, Duty::Leave)
    }

    /// What there is to say: nothing before the registration and before the first verdict.
    pub(super) fn report(&self, no: CheckNo) -> Option<Report> {
        if !self.measured || !self.is_reported() {
            return None;
        }
        Some(Report { check: no, id: self.id.clone()?, status: self.status?, output: self.output.clone() })
    }

    /// How much earlier than due it may be sent, to share a request with others.
    pub(super) fn may_be_early_by(&self) -> Duration {
        match self.config.duty {
            Duty::Renew { ttl } => ttl / 12,
            Duty::Leave | Duty::Probe(_) => limits::REPORT_AGAIN / 8,
        }
    }

    /// Takes a run's result. True when the status is another now.
    fn take(&mut self, measured: Measured) -> bool {
        let before = self.status.filter(|_| self.measured);
        match measured.status {
            Status::Passing => {
                self.bad_run = 0;
                self.good_run = self.good_run.saturating_add(1);
            }
            // Neither good nor failed: it is shown as it is, and both runs begin anew.
            Status::Warning | Status::Unknown => (self.bad_run, self.good_run) = (0, 0),
            Status::Critical => {
                self.good_run = 0;
                self.bad_run = self.bad_run.saturating_add(1);
            }
        }
        let decided = match measured.status {
            Status::Passing => self.good_run >= self.config.successes_before_passing,
            Status::Critical => self.bad_run >= self.config.failures_before_critical,
            Status::Warning | Status::Unknown => true,
        };
        // A remembered status holds until a threshold is reached; without one there is nothing to say before that.
        if decided {
            self.status = Some(measured.status);
        }
        if decided || self.status == Some(measured.status) {
            self.output = measured.output;
        }
        self.measured = self.status.is_some();
        before != self.status
    }
}

impl Core {
    /// Puts a new check into the plan: a renewal goes with the registration, a probe runs at once, a little spread.
    pub(super) fn start_check(&mut self, now: Duration, no: CheckNo) {
        let Some(check) = self.checks.get(&no) else { return };
        if let Duty::Probe(probe) = &check.config.duty {
            let spread = (probe.interval / 10).min(limits::FIRST_RUN_SPREAD_MAX);
            let at = now + self.draw_below(spread);
            self.plan_probe(no, Some(at));
        }
    }

    pub(super) fn plan_probe(&mut self, no: CheckNo, at: Option<Duration>) {
        if let Some(check) = self.checks.get_mut(&no) {
            self.queue.schedule(&mut check.probe_due, Due::Probe(no), at);
        }
    }

    pub(super) fn plan_send(&mut self, no: CheckNo, at: Option<Duration>) {
        if let Some(check) = self.checks.get_mut(&no) {
            self.queue.schedule(&mut check.send_due, Due::Send(no), at);
        }
    }

    /// The next run is planned from when this one was due, not from when it ends: a slow check keeps its rhythm, and is
    /// left out rather than run twice at a time. Runs that were missed (a suspended host) are left out too, and the beat
    /// stays: checks that all began anew at the same instant would stay together from then on.
    pub(super) fn begin_probe(&mut self, now: Duration, no: CheckNo) -> Option<Action> {
        let check = self.checks.get_mut(&no)?;
        let Duty::Probe(probe) = check.config.duty.clone() else { return None };
        let due = check.probe_due.unwrap_or(now);
        let missed = now.saturating_sub(due).as_nanos() / probe.interval.as_nanos();
        let next = due + probe.interval * u32::try_from(missed + 1).unwrap_or(u32::MAX);
        let idle = !std::mem::replace(&mut check.probing, true);
        self.plan_probe(no, Some(next));
        idle.then_some(Action::Probe { check: no, target: probe.target, timeout: probe.timeout })
    }

    /// A run is over.
    pub fn probed(&mut self, now: Duration, no: CheckNo, measured: Measured) {
        let Some(check) = self.checks.get_mut(&no) else { return };
        check.probing = false;
        if check.take(measured) {
            let known_there = check.id.is_some();
            tracing::info!(
                ns = check.instance.namespace.0.as_str(),
                service = check.instance.service.0.as_str(),
                instance = check.instance.id.0.as_str(),
                check = check.id.as_ref().map(CheckId::as_str),
                status = check.status.map(status_name),
                output = check.output.lines().next().unwrap_or_default(),
                "check changed"
            );
            self.memory_changed = true;
            if known_there && !self.stopping {
                self.plan_send(no, Some(now));
            }
        }
    }

    /// When a check that was told to the cluster at `sent` is told again.
    pub(super) fn next_send(&mut self, sent: Duration, no: CheckNo) -> Option<Duration> {
        let duty = self.checks.get(&no)?.config.duty.clone();
        match duty {
            Duty::Leave => None,
            Duty::Renew { ttl } => Some(sent + ttl * 2 / 3 - self.draw_below(ttl / 24)),
            Duty::Probe(_) => Some(sent + limits::REPORT_AGAIN - self.draw_below(limits::REPORT_AGAIN / 8)),
        }
    }
}
