//! Observers of instances that nobody but their agent touches. From the first sight of an instance on there is exactly one,
//! with the checks and the CreateIndices of its first registration, until the cluster itself is another (AG-1). Whether its
//! checks pass depends on the agent's connection; how that changes is counted.

use std::rc::Rc;

use linearizability::verdict::Property;
use sider_client::client::{Client, Query};
use sider_client::wire::ServiceEntry;
use sider_registry::model::{Index, Status};

use super::NAMESPACE;
use crate::invariants::Finding;
use crate::workload::shared::{LOOK_EVERY, Phase, Shared};

/// Looks at `service`, which has one instance, until the end of the run or the first breach.
pub(super) async fn observe(shared: Rc<Shared>, service: String, client: Client) {
    let query = Query { namespace: NAMESPACE.into(), ..Query::default() };
    let mut seen = Seen::default();
    shared.reached(Phase::Run).await;
    while shared.sleep_before(LOOK_EVERY * 5, Phase::End).await {
        let cluster = shared.clusters.get();
        let Ok(read) = client.read(&service, &query).await else { continue };
        if cluster != shared.clusters.get() || shared.phase() >= Phase::End {
            // It is not known what it tells of: the old cluster or the new one, an agent that runs or one that stops.
            continue;
        }
        match seen.take(cluster, &read.body) {
            Ok(None) => {}
            Ok(Some(turn)) => shared.count(turn.counter()),
            Err(breach) => {
                let time = shared.record.clock.host_ns();
                let summary = format!("instance {service} of an undisturbed agent {breach}");
                shared.findings.borrow_mut().push(Finding::new(Property::Ag1, time, summary));
                return;
            }
        }
    }
}

/// What is known of an instance.
#[derive(Debug, Default)]
struct Seen {
    /// In which cluster, and what tells this registration from any other.
    registered: Option<(u64, Registration)>,
    /// In which cluster it was passing last.
    passed: Option<u64>,
    /// It was passing in this cluster and is critical now.
    critical: bool,
}

/// CreateIndex of an instance, and its checks with theirs. The ModifyIndex is no part of it: it moves with the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Registration {
    create: Index,
    checks: Vec<(String, Index)>,
}

impl Registration {
    fn of(entry: &ServiceEntry) -> Self {
        let checks = entry.checks.iter().map(|check| (check.check_id.clone(), check.create_index)).collect();
        Self { create: entry.service.create_index, checks }
    }
}

/// A change worth counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Critical,
    Returned,
    Restored,
}

impl Turn {
    const fn counter(self) -> &'static str {
        match self {
            Self::Critical => "agent_criticals",
            Self::Returned => "agent_returns",
            Self::Restored => "agent_restorations",
        }
    }
}

impl Seen {
    /// Takes all instances of the service in `cluster`; says what changed, or what is broken.
    fn take(&mut self, cluster: u64, instances: &[ServiceEntry]) -> Result<Option<Turn>, String> {
        if self.registered.as_ref().is_some_and(|(of, _)| *of != cluster) {
            (self.registered, self.critical) = (None, false);
        }
        let entry = match (instances, &self.registered) {
            ([], None) => return Ok(None),
            ([entry], _) => entry,
            (several, _) => return Err(format!("is there {} times; once is right", several.len())),
        };
        let now = Registration::of(entry);
        let (_, first) = self.registered.get_or_insert_with(|| (cluster, now.clone()));
        if *first != now {
            return Err(format!("was registered again: it is {now:?} and was {first:?}"));
        }
        Ok(self.turn(cluster, entry.health()))
    }

    fn turn(&mut self, cluster: u64, health: Status) -> Option<Turn> {
        match health {
            Status::Passing => {
                let before = self.passed.replace(cluster);
                if std::mem::take(&mut self.critical) {
                    return Some(Turn::Returned);
                }
                before.filter(|of| *of != cluster).map(|_| Turn::Restored)
            }
            // Before its first pass it is critical too.
            Status::Critical if self.passed == Some(cluster) && !self.critical => {
                self.critical = true;
                Some(Turn::Critical)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(create: u64, check: u64, status: &str) -> ServiceEntry {
        let text = format!(
            r#"{{"Node":{{}},"Service":{{"ID":"i","Service":"s","CreateIndex":{create}}},
                "Checks":[{{"CheckID":"service:i","Status":"{status}","CreateIndex":{check}}}]}}"#
        );
        serde_json::from_str(&text).expect("an entry")
    }

    #[test]
    fn an_instance_that_turns_critical_and_comes_back_as_it_was_is_counted() {
        let mut seen = Seen::default();
        assert_eq!(seen.take(0, &[]), Ok(None));
        for (status, turn) in [
            ("critical", None),
            ("passing", None),
            ("critical", Some(Turn::Critical)),
            ("critical", None),
            ("passing", Some(Turn::Returned)),
        ] {
            assert_eq!(seen.take(0, &[entry(3, 3, status)]), Ok(turn), "{status}");
        }
    }

    #[test]
    fn a_second_instance_a_new_registration_and_a_lost_one_are_breaches() {
        let after = |next: &[ServiceEntry]| {
            let mut seen = Seen::default();
            assert_eq!(seen.take(0, &[entry(3, 3, "passing")]), Ok(None));
            seen.take(0, next).expect_err("a breach")
        };
        assert_eq!(after(&[]), "is there 0 times; once is right");
        assert_eq!(after(&[entry(3, 3, "passing"), entry(9, 9, "passing")]), "is there 2 times; once is right");
        for (create, check) in [(9, 9), (3, 9)] {
            let breach = after(&[entry(create, check, "passing")]);
            assert!(breach.starts_with("was registered again: "), "{breach}");
        }
    }

    #[test]
    fn in_a_new_cluster_it_is_registered_anew_and_restored_once() {
        let mut seen = Seen::default();
        assert_eq!(seen.take(0, &[entry(30, 30, "passing")]), Ok(None));
        assert_eq!(seen.take(1, &[]), Ok(None));
        assert_eq!(seen.take(1, &[entry(2, 2, "critical")]), Ok(None));
        assert_eq!(seen.take(1, &[entry(2, 2, "passing")]), Ok(Some(Turn::Restored)));
        assert_eq!(seen.take(1, &[entry(2, 2, "passing")]), Ok(None));
    }
}
