//! Whatever a cluster answers for a while, in the end it has exactly what the configuration says: the core against a small
//! registry that loses answers, forgets instances, refuses and is silent, for many seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sider_agent::config::AgentConfig;
use sider_agent::core::{Action, Core, Goal, Measured};
use sider_agent::limits;
use sider_client::Outcome;
use sider_client::wire::{ErrorCode, RenewOutcome};
use sider_registry::model::{CheckId, Name, Status};

const SEEDS: u64 = 400;
/// How long the cluster misbehaves, and how long it is given afterwards.
const STORM: Duration = Duration::from_secs(120);
const CALM: Duration = Duration::from_secs(400);

/// A registry as an agent sees it.
#[derive(Default)]
struct Cluster {
    /// Instances with their ports.
    instances: BTreeMap<String, u16>,
    /// Keys of writes that took effect: a repetition of one changes nothing.
    keys: BTreeSet<String>,
    statuses: BTreeMap<String, Status>,
}

/// What the network and the leader do with one call.
#[derive(Clone, Copy)]
enum Fate {
    Done,
    DoneAndAnswerLost,
    Lost,
    NoLeader,
    Refused,
}

struct World {
    rng: StdRng,
    core: Core,
    cluster: Cluster,
    now: Duration,
    /// Answers on their way, by moment and order.
    pending: BTreeMap<(Duration, u64), Action>,
    sent: u64,
    in_flight: BTreeSet<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            core: Core::new(seed, sider_agent::core::Memory::default()),
            cluster: Cluster::default(),
            now: Duration::ZERO,
            pending: BTreeMap::new(),
            sent: 0,
            in_flight: BTreeSet::new(),
        }
    }

    /// A configuration of some of six services, on ports that change now and then.
    fn draw_config(&mut self) -> (AgentConfig, BTreeMap<String, u16>) {
        let mut wanted = BTreeMap::new();
        let mut services: Vec<Value> = Vec::new();
        for n in 0..6 {
            if self.rng.random_ratio(1, 3) {
                continue;
            }
            let port = self.rng.random_range(1..4_u16);
            let checks = match n % 3 {
                0 => json!([{"type": "ttl", "ttl": "15s"}]),
                1 => json!([{"type": "tcp", "interval": "10s"}, {"type": "ttl", "ttl": "30s"}]),
                _ => json!([]),
            };
            services.push(json!({"name": format!("s{n}"), "port": port, "checks": checks}));
            wanted.insert(format!("s{n}"), port);
        }
        let config = AgentConfig::parse(&json!({"services": services}).to_string()).expect("is right");
        (config.on_node(&Name::new("host-a").expect("a name")), wanted)
    }

    fn fate(&mut self) -> Fate {
        if self.now >= STORM {
            return Fate::Done;
        }
        match self.rng.random_range(0..10) {
            0..=4 => Fate::Done,
            5 => Fate::DoneAndAnswerLost,
            6 => Fate::Lost,
            7 | 8 => Fate::NoLeader,
            _ => Fate::Refused,
        }
    }

    /// Takes the actions that are due now on their way.
    fn poll(&mut self) {
        for action in self.core.poll(self.now) {
            if let Some(name) = exclusive(&action) {
                assert!(self.in_flight.insert(name.clone()), "two calls under way for {name}");
            }
            let latency = Duration::from_millis(self.rng.random_range(1..if self.now < STORM { 3000 } else { 50 }));
            self.sent += 1;
            self.pending.insert((self.now + latency, self.sent), action);
        }
        assert!(self.core.next_due().is_none_or(|due| due > self.now), "what is due was done");
    }

    fn until(&mut self, end: Duration) {
        self.poll();
        loop {
            let answer = self.pending.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = [answer, self.core.next_due()].into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = next.max(self.now);
            if answer == Some(next) {
                let (_, action) = self.pending.pop_first().expect("it is there");
                self.answer(action);
            }
            self.poll();
        }
        self.now = end;
    }

    fn answer(&mut self, action: Action) {
        if let Some(name) = exclusive(&action) {
            self.in_flight.remove(&name);
        }
        let fate = self.fate();
        let now = self.now;
        match action {
            Action::Probe { check, .. } => {
                let fine = now >= STORM || self.rng.random_ratio(4, 5);
                let status = if fine { Status::Passing } else { Status::Critical };
                self.core.probed(now, check, Measured { status, output: String::new() });
            }
            Action::Register { instance, request, key } => {
                let ids: Vec<CheckId> =
                    (0..request.checks.len()).map(|n| check_id(&format!("{}:{n}", request.id))).collect();
                let outcome = outcome(fate, || {
                    if self.cluster.keys.insert(key) {
                        self.cluster.instances.insert(request.id.clone(), request.port);
                    }
                    ids
                });
                self.core.registered(now, &instance, outcome);
            }
            Action::Deregister { instance, key } => {
                let outcome = outcome(fate, || {
                    if self.cluster.keys.insert(key) {
                        self.cluster.instances.remove(instance.id.0.as_str());
                    }
                });
                self.core.deregistered(now, &instance, outcome);
            }
            Action::Report { namespace, reports } => {
                let outcome = outcome(fate, || {
                    let take = |report: &sider_agent::core::Report| {
                        let id = report.id.as_str();
                        if !self.cluster.instances.contains_key(id.split_once(':').expect("id and number").0) {
                            return RenewOutcome::Unknown;
                        }
                        match self.cluster.statuses.insert(id.to_owned(), report.status) {
                            Some(old) if old == report.status => RenewOutcome::Ok,
                            _ => RenewOutcome::Changed,
                        }
                    };
                    reports.iter().map(take).collect()
                });
                self.core.reported(now, &namespace, outcome);
            }
        }
    }

    fn forget_some(&mut self) {
        let all = self.rng.random_ratio(1, 2);
        let kept: BTreeMap<String, u16> =
            if all { BTreeMap::new() } else { self.cluster.instances.clone().into_iter().skip(1).collect() };
        self.cluster.statuses.retain(|id, _| kept.contains_key(id.split_once(':').expect("id and number").0));
        self.cluster.instances = kept;
    }
}

/// Calls of which one may be under way at a time: the writes of an instance, the batches of a namespace, a check's runs.
fn exclusive(action: &Action) -> Option<String> {
    Some(match action {
        Action::Register { instance, .. } | Action::Deregister { instance, .. } => format!("instance {instance:?}"),
        Action::Report { namespace, .. } => format!("batch of {namespace:?}"),
        Action::Probe { check, .. } => format!("probe {check:?}"),
    })
}

fn outcome<T>(fate: Fate, act: impl FnOnce() -> T) -> Outcome<T> {
    let rejected = |code, status| Outcome::Rejected { code: Some(code), status, text: "no".into() };
    match fate {
        Fate::Done => Outcome::Ok(act()),
        Fate::DoneAndAnswerLost => {
            act();
            Outcome::Unknown("no answer".into())
        }
        Fate::Lost => Outcome::Unknown("no answer".into()),
        Fate::NoLeader => rejected(ErrorCode::NoLeader, 503),
        Fate::Refused => rejected(ErrorCode::Conflict, 409),
    }
}

fn check_id(text: &str) -> CheckId {
    CheckId::try_from(text.to_owned()).expect("a check id")
}

#[test]
fn after_any_storm_the_cluster_has_exactly_what_the_configuration_says() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let (config, mut wanted) = world.draw_config();
        world.core.configure(Duration::ZERO, &config);
        for step in 1..=6_u32 {
            world.until(STORM * step / 6);
            if world.rng.random_ratio(1, 2) {
                let (config, new) = world.draw_config();
                wanted = new;
                world.core.configure(world.now, &config);
            }
            if world.rng.random_ratio(1, 3) {
                world.forget_some();
            }
        }
        world.until(STORM + CALM);
        assert_eq!(world.cluster.instances, wanted, "seed {seed}");
        for instance in world.core.instances() {
            assert!(instance.settled && matches!(instance.goal, Goal::Present { .. }), "seed {seed}: {instance:?}");
            for check in world.core.checks_of(instance) {
                let id = check.id.as_ref().expect("registered").as_str();
                assert_eq!(world.cluster.statuses.get(id), Some(&Status::Passing), "seed {seed}: {id}");
                assert_eq!(check.acknowledged, Some(Status::Passing), "seed {seed}: {id}");
            }
        }
        world.core.stop(world.now, true);
        world.until(STORM + CALM + limits::STOP_TIMEOUT);
        assert!(world.core.is_drained() && world.cluster.instances.is_empty(), "seed {seed}");
    }
}
