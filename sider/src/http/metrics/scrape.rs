//! The page: counters as they stand, and the numbers of the registry, of Raft and of the watches at the moment of asking.
//! The names are the founding document's (section 14.2) where it names one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use sider_registry::limits;
use sider_registry::model::ServiceKey;

use super::page::{Label, Page};
use super::{BUCKETS_US, Durations, Labelled};
use crate::http::Api;
use crate::watch::WatchKey;

/// The whole page.
pub(in crate::http) fn render(api: &Api) -> Result<String, fmt::Error> {
    let mut page = Page::default();
    registry(&mut page, api);
    raft(&mut page, api);
    watches(&mut page, api);
    http(&mut page, api);
    page.print()
}

fn registry(page: &mut Page, api: &Api) {
    let (index, counts, named) = api.node.read(|registry| {
        let named: BTreeMap<ServiceKey, usize> = registry
            .instance_counts()
            .take(limits::METRICS_SERVICES_MAX)
            .map(|(key, count)| (key.clone(), count))
            .collect();
        (registry.index(), registry.counts(), named)
    });
    let others = counts.instances - named.values().sum::<usize>();
    page.gauges("sider_registry_instances_total", "Instances by service", by_service(named, others));
    let checks = counts.checks.map(|(status, count)| (vec![("status", status.as_str().to_owned())], wide(count)));
    page.gauges("sider_registry_checks_total", "Checks by status", checks.to_vec());
    page.gauge("sider_registry_services", "Services with an instance", wide(counts.services));
    page.gauge("sider_registry_index", "The Index: changes that a reader can see", index.0);
    page.gauge("sider_registry_tombstones", "Remembered names without instances", wide(counts.tombstones));
    page.gauge("sider_registry_idempotency_keys", "Remembered idempotency keys", wide(counts.keys));
    page.gauge(
        "sider_ttl_deadlines",
        "Running deadlines of ttl checks: on the leader only",
        wide(api.node.armed_deadlines()),
    );
}

fn raft(page: &mut Page, api: &Api) {
    let raft = api.node.raft();
    let node = vec![("node", api.node.name().as_str().to_owned())];
    page.gauges("sider_raft_leader", "1 on the leader", vec![(node, u64::from(raft.leads))]);
    page.gauge("sider_raft_term", "Current term", raft.term);
    page.gauge("sider_raft_commit_index", "Last committed log position", raft.committed);
    page.gauge("sider_raft_last_log_index", "Last log position", raft.last_log);
    page.gauge("sider_raft_applied_index", "Last applied log position", raft.applied);
    page.gauge("sider_raft_snapshot_index", "Last log position in a snapshot", raft.snapshot);
    page.gauge("sider_raft_purged_index", "Last log position that was purged", raft.purged);
    let log = api.node.log_stats();
    let one = |count: &AtomicU64| vec![(Vec::new(), count.load(Ordering::Relaxed))];
    page.counters("sider_log_commits", "Commits of the log, each with one sync", one(&log.commits));
    page.counters("sider_log_entries", "Log entries in these commits", one(&log.entries));
    page.counters(
        "sider_log_commit_microseconds",
        "Time in these commits: divided by their number, the disk's latency",
        one(&log.micros),
    );
    page.gauge("sider_ready", "1 when ready for consistent reads and writes", u64::from(api.node.readiness().is_ok()));
}

fn watches(page: &mut Page, api: &Api) {
    let (mut services, mut others, mut catalogs) = (BTreeMap::new(), 0, 0);
    for (key, count) in api.node.watches().by_key() {
        match key {
            WatchKey::Service(service) if services.len() < limits::METRICS_SERVICES_MAX => {
                services.insert(service, count);
            }
            WatchKey::Service(_) => others += count,
            WatchKey::Catalog(_) => catalogs += count,
        }
    }
    page.gauges("sider_watchers_active", "Parked polls by service", by_service(services, others));
    page.gauge("sider_catalog_watchers_active", "Parked polls of lists of services", wide(catalogs));
    page.gauge("sider_watchers_parked", "Parked polls altogether", wide(api.node.watches().len()));
}

fn http(page: &mut Page, api: &Api) {
    let metrics = &api.metrics;
    let requests = metrics.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let samples = requests.into_iter().flat_map(|(path, statuses)| {
        let labels = move |status: u16| vec![("path", path.to_owned()), ("status", status.to_string())];
        statuses.into_iter().map(move |(status, count)| (labels(status), count))
    });
    page.counters("sider_http_requests", "Answered requests by route and status", samples.collect());
    let (sum, buckets) = metrics.durations.read();
    let help = "Time to an answer, without polls that may wait";
    page.histogram("sider_http_request_duration_seconds", help, sum, buckets);
    page.gauge("sider_http_connections", "Open connections", wide(api.places.len()));
    let refused = labelled("reason", &metrics.refusals);
    page.counters("sider_http_connections_refused", "Connections beyond a bound", refused);
    page.gauge("sider_http_bodies_held_bytes", "Bytes of request bodies held now", wide(api.room.taken()));
    let refused = vec![(Vec::new(), metrics.bodies_refused.load(Ordering::Relaxed))];
    page.counters("sider_http_bodies_refused", "Request bodies beyond the bound on all together", refused);
    page.counters(
        "sider_writes",
        "Writes by outcome, as this server's clients saw it",
        labelled("outcome", &metrics.writes),
    );
    page.counters("sider_polls_ended", "Polls by how they ended", labelled("how", &metrics.polls));
}

/// The first services by name, the others together: a client cannot make the page grow without a bound.
fn by_service(named: BTreeMap<ServiceKey, usize>, others: usize) -> Vec<(Vec<Label>, u64)> {
    let labels =
        |namespace: &str, service: &str| vec![("namespace", namespace.to_owned()), ("service", service.to_owned())];
    named
        .into_iter()
        .map(|(key, count)| (labels(key.namespace.0.as_str(), key.service.0.as_str()), wide(count)))
        .chain([(labels("other", "other"), wide(others))])
        .collect()
}

fn labelled(label: &'static str, counters: &Labelled) -> Vec<(Vec<Label>, u64)> {
    counters.read().map(|(value, count)| (vec![(label, value.to_owned())], count)).collect()
}

impl Durations {
    /// The sum in seconds, and each bucket's count with its upper bound in seconds.
    fn read(&self) -> (f64, Vec<(f64, u64)>) {
        #[expect(clippy::cast_precision_loss, reason = "microseconds below 2^53 are 285 years")]
        let seconds = |us: u64| us as f64 / 1e6;
        let bounds = BUCKETS_US.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        (seconds(self.sum_us.load(Ordering::Relaxed)), bounds.zip(counts).collect())
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
