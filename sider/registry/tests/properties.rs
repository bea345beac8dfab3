//! What holds for every sequence of requests.

mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;
use random::{NAMESPACES, SERVICES, TIGHT, namespace, requests};
use sider_registry::model::{Check, CheckKey, Index, Instance, Namespace, ServiceKey, ServiceName};
use sider_registry::{Command, Event, Outcome, Registry, Request, snapshot};

type Checked = Result<(), TestCaseError>;
type Body = Vec<(Instance, Vec<Check>)>;
type Projection = BTreeMap<String, BTreeSet<String>>;
type Deadlines = BTreeMap<CheckKey, (Duration, Index)>;

/// Everything that readers see, copied.
struct Seen {
    index: Index,
    services: BTreeMap<ServiceKey, (Index, Body)>,
    catalogs: BTreeMap<Namespace, (Index, Projection)>,
    deadlines: Deadlines,
}

impl Seen {
    fn of(registry: &Registry) -> Self {
        let namespaces = NAMESPACES.map(namespace);
        let keys = namespaces.iter().flat_map(|namespace| {
            SERVICES.map(|name| ServiceKey {
                namespace: namespace.clone(),
                service: ServiceName::parse(name).expect("a valid name"),
            })
        });
        let service = |key: ServiceKey| {
            let owned = |(instance, checks): (&Instance, Vec<&Check>)| {
                (instance.clone(), checks.into_iter().cloned().collect())
            };
            let body: Body = registry.instances(&key).map(owned).collect();
            (key.clone(), (registry.service_index(&key), body))
        };
        let catalog = |namespace: &Namespace| {
            let owned = |(name, tags): (&ServiceName, BTreeSet<&str>)| {
                (name.to_string(), tags.into_iter().map(str::to_owned).collect())
            };
            let projection: Projection = registry.services(namespace).into_iter().map(owned).collect();
            (namespace.clone(), (registry.catalog_index(namespace), projection))
        };
        Self {
            index: registry.index(),
            services: keys.map(service).collect(),
            catalogs: namespaces.iter().map(catalog).collect(),
            deadlines: registry.ttl_checks().map(|(key, ttl, fence)| (key, (ttl, fence))).collect(),
        }
    }
}

fn tight() -> Registry {
    Registry::new().bounded(TIGHT)
}

fn replayed(requests: &[Request]) -> Registry {
    let mut registry = tight();
    for request in requests {
        registry.apply(request);
    }
    registry
}

/// The Index moves by one exactly if a reader sees a change, and every change carries it.
fn check_indices(before: &Seen, after: &Seen) -> Checked {
    let bodies = |seen: &Seen| seen.services.values().map(|(_, body)| body.clone()).collect::<Vec<_>>();
    let step = u64::from(bodies(before) != bodies(after));
    prop_assert_eq!(after.index.0, before.index.0 + step, "one Index for a visible change, none otherwise");
    for (key, (index, body)) in &after.services {
        let (index_before, body_before) = &before.services[key];
        check_one(key, *index, *index_before, body != body_before, body.is_empty(), after.index)?;
    }
    for (namespace, (index, projection)) in &after.catalogs {
        let (index_before, projection_before) = &before.catalogs[namespace];
        check_one(
            namespace,
            *index,
            *index_before,
            projection != projection_before,
            projection.is_empty(),
            after.index,
        )?;
    }
    Ok(())
}

fn check_one(
    of: &impl std::fmt::Display,
    index: Index,
    before: Index,
    changed: bool,
    gone: bool,
    whole: Index,
) -> Checked {
    prop_assert!(index >= before, "{of}: {before} then {index}: an index never goes back");
    prop_assert!(index >= Index(1), "{of}: an answer's index is at least 1");
    prop_assert!(index <= whole.max(Index(1)), "{of}: {index} is above the Index {whole}");
    if changed {
        prop_assert_eq!(index, whole, "{}: a change carries the Index", of);
        return Ok(());
    }
    // What is gone may be forgotten: then the floor answers for it, and that may rise.
    prop_assert!(index == before || gone, "{of}: {before} then {index} without a change");
    Ok(())
}

/// Whoever only follows events knows every index and every deadline.
fn check_events(before: &Seen, after: &Seen, events: &[Event]) -> Checked {
    let changed_services = after.services.iter().filter(|(key, (_, body))| before.services[*key].1 != *body);
    let changed_catalogs = after.catalogs.iter().filter(|(key, (_, list))| before.catalogs[*key].1 != *list);
    let mut services: BTreeMap<ServiceKey, Index> = changed_services.map(|(key, (at, _))| (key.clone(), *at)).collect();
    let mut catalogs: BTreeMap<Namespace, Index> = changed_catalogs.map(|(key, (at, _))| (key.clone(), *at)).collect();
    let mut deadlines = before.deadlines.clone();
    for event in events {
        match event {
            Event::Service { service, index } => prop_assert_eq!(services.remove(service), Some(*index)),
            Event::Catalog { namespace, index } => prop_assert_eq!(catalogs.remove(namespace), Some(*index)),
            Event::TtlArmed { check, ttl, modify_index } => {
                let armed = (*ttl, *modify_index);
                prop_assert!(deadlines.insert(check.clone(), armed) != Some(armed), "armed without a change");
            }
            Event::TtlDisarmed { check } => {
                prop_assert!(deadlines.remove(check).is_some(), "disarmed what had no deadline");
            }
        }
    }
    prop_assert!(services.is_empty() && catalogs.is_empty(), "changes without an event: {services:?} {catalogs:?}");
    prop_assert_eq!(&deadlines, &after.deadlines, "events mirror the deadlines");
    Ok(())
}

/// A rejection leaves no trace, and the outcome tells the truth about the Index.
fn check_outcome(outcome: &Outcome, before: &Registry, after: &Registry, fresh: bool) -> Checked {
    match outcome {
        Outcome::Rejected(_) => prop_assert_eq!(before, after, "a rejection changes nothing"),
        Outcome::Registered { index, .. }
        | Outcome::Deregistered { index, .. }
        | Outcome::Reported { index, .. }
        | Outcome::Expired { index, .. } => {
            prop_assert!(!fresh || *index == after.index(), "an answer carries the Index after the command");
        }
    }
    if let Outcome::Registered { changed, .. } = outcome {
        prop_assert!(!fresh || *changed == (before.index() != after.index()), "changed means that the Index moved");
    }
    Ok(())
}

/// The counters agree with a count.
fn check_counts(registry: &Registry, seen: &Seen) -> Checked {
    let counts = registry.counts();
    let bodies = || seen.services.values().flat_map(|(_, body)| body);
    prop_assert_eq!(counts.instances, bodies().count());
    for (status, count) in counts.checks {
        let counted = bodies().flat_map(|(_, checks)| checks).filter(|check| check.status == status).count();
        prop_assert_eq!(count, counted, "checks that are {}", status);
    }
    prop_assert_eq!(counts.services, seen.services.values().filter(|(_, body)| !body.is_empty()).count());
    prop_assert_eq!(registry.instance_counts().map(|(_, n)| n).sum::<usize>(), counts.instances);
    prop_assert!(counts.instances <= TIGHT.instances && counts.keys <= TIGHT.keys, "{counts:?} within {TIGHT:?}");
    prop_assert!(registry.instance_counts().all(|(_, n)| n <= TIGHT.instances_per_service));
    prop_assert!(counts.tombstones <= TIGHT.tombstones);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_command_keeps_the_rules_of_index_and_events(requests in requests(40)) {
        let mut registry = tight();
        let mut before = Seen::of(&registry);
        for request in &requests {
            let old = registry.clone();
            let applied = registry.apply(request);
            let after = Seen::of(&registry);
            let fresh = request.key.is_none();
            check_indices(&before, &after)?;
            check_events(&before, &after, &applied.events)?;
            check_outcome(&applied.outcome, &old, &registry, fresh)?;
            check_counts(&registry, &after)?;
            before = after;
        }
    }

    #[test]
    fn the_incremental_hash_is_the_hash_from_scratch(requests in requests(40)) {
        let mut registry = tight();
        for request in &requests {
            let before = registry.clone();
            registry.apply(request);
            prop_assert_eq!(registry.state_hash(), registry.recompute_hash());
            prop_assert_eq!(registry.state_hash() == before.state_hash(), registry == before);
        }
    }

    #[test]
    fn restoring_a_snapshot_is_replaying_to_its_place(requests in requests(40), cut in any::<proptest::sample::Index>()) {
        let (head, tail) = requests.split_at(cut.index(requests.len() + 1));
        let original = replayed(head);
        let bytes = snapshot::encode(&original);
        let mut restored = snapshot::decode(&bytes).expect("a snapshot that was just written").bounded(TIGHT);
        prop_assert_eq!(&restored, &original);
        prop_assert_eq!(snapshot::encode(&restored), bytes);
        let mut original = original;
        for request in tail {
            prop_assert_eq!(restored.apply(request), original.apply(request), "from here on they answer alike");
        }
        prop_assert_eq!(restored.state_hash(), original.state_hash());
        prop_assert_eq!(snapshot::encode(&restored), snapshot::encode(&replayed(&requests)));
    }

    #[test]
    fn a_retry_gets_the_first_answer_and_changes_nothing(requests in requests(30), later in 0..1000_u64) {
        let mut registry = tight();
        for mut request in requests {
            request.key.get_or_insert_with(|| "only".to_owned());
            let first = registry.apply(&request);
            let after = registry.clone();
            request.at.0 += later;
            let second = registry.apply(&request);
            prop_assert_eq!(&second.outcome, &first.outcome);
            prop_assert!(second.events.is_empty(), "a retry wakes nobody");
            prop_assert_eq!(&registry, &after, "a retry changes nothing");
        }
    }

    #[test]
    fn a_key_used_for_another_command_is_refused(requests in requests(30)) {
        let mut registry = tight();
        let mut first: Option<Command> = None;
        for mut request in requests {
            request.key = Some("only".to_owned());
            let outcome = registry.apply(&request).outcome;
            let reused = matches!(outcome, Outcome::Rejected(sider_registry::Rejection::KeyReused { .. }));
            prop_assert_eq!(reused, first.as_ref().is_some_and(|first| *first != request.command));
            if !matches!(outcome, Outcome::Rejected(_)) {
                first.get_or_insert(request.command);
            }
        }
    }

    #[test]
    fn the_copy_that_a_snapshot_is_made_from_does_not_move(requests in requests(30)) {
        let (head, tail) = requests.split_at(requests.len() / 2);
        let mut live = replayed(head);
        let copy = live.clone();
        let bytes = snapshot::encode(&copy);
        for request in tail {
            live.apply(request);
        }
        prop_assert_eq!(snapshot::encode(&copy), bytes);
    }
}
