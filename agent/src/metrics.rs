//! Counters and gauges of the agent, in Prometheus' text form. Every series is there from the start.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sider_client::Outcome;
use sider_registry::model::Status;

use crate::core::{Core, Goal, Instance, status_name};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

const STATUSES: [&str; 4] = ["critical", "unknown", "warning", "passing"];
const STATES: [&str; 4] = ["registered", "registering", "refused", "leaving"];

pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    probes: Family<StatusLabel, Counter>,
    services: Family<StateLabel, Gauge>,
    checks: Family<StatusLabel, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("sider_agent");
        let (calls, probes) = (Family::<CallLabels, Counter>::default(), Family::<StatusLabel, Counter>::default());
        let (services, checks) = (Family::<StateLabel, Gauge>::default(), Family::<StatusLabel, Gauge>::default());
        registry.register("calls", "Writes to the cluster by how they ended", calls.clone());
        registry.register("probes", "Runs of http, tcp and cmd checks by what they found", probes.clone());
        registry.register("services", "Instances of this host by state", services.clone());
        registry.register("checks", "Checks of this host by status", checks.clone());
        for call in ["register", "deregister", "report"] {
            for result in ["ok", "rejected", "unknown"] {
                drop(calls.get_or_create(&CallLabels { call, result }));
            }
        }
        for status in STATUSES {
            drop(probes.get_or_create(&StatusLabel { status }));
        }
        Self { registry, calls, probes, services, checks }
    }

    pub(crate) fn called<T>(&self, call: &'static str, outcome: &Outcome<T>) {
        let result = match outcome {
            Outcome::Ok(_) => "ok",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Unknown(_) => "unknown",
        };
        self.calls.get_or_create(&CallLabels { call, result }).inc();
    }

    pub(crate) fn probed(&self, status: Status) {
        self.probes.get_or_create(&StatusLabel { status: status_name(status) }).inc();
    }

    /// Everything as text.
    pub(crate) fn render(&self, core: &Core) -> String {
        for state in STATES {
            let count = core.instances().filter(|instance| state_of(instance) == state).count();
            self.services.get_or_create(&StateLabel { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for status in STATUSES {
            let checks = core.instances().flat_map(|instance| core.checks_of(instance));
            let count = checks.filter(|check| check.status.map(status_name) == Some(status)).count();
            self.checks.get_or_create(&StatusLabel { status }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes every text");
        text
    }
}

/// One word for where an instance stands.
pub(crate) fn state_of(instance: &Instance) -> &'static str {
    match (&instance.goal, instance.settled, &instance.refused) {
        (Goal::Absent, ..) => "leaving",
        (Goal::Present { .. }, true, _) => "registered",
        (Goal::Present { .. }, false, Some(_)) => "refused",
        (Goal::Present { .. }, false, None) => "registering",
    }
}
