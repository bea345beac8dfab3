//! The agent without I/O: what is due when, and what must be sent.
//!
//! Pure. Knows nothing of sockets, files, tasks or clocks: time is an argument (since the agent's start), randomness is a
//! seed, what is to be done comes out as [`Action`]s and what came of it goes in by [`Core::probed`],
//! [`Core::registered`], [`Core::deregistered`] and [`Core::reported`]. Tested by scripts (`tests/scripts`).
//!
//! | room | what it holds |
//! |---|---|
//! | `action` | what the core asks for |
//! | `reconcile` | a new configuration against what is there |
//! | `instance` | one instance: is it registered, is it to be |
//! | `register` | registrations and deregistrations: what became of them |
//! | `check` | one check: thresholds, rhythm |
//! | `lane` | batches of renewals and reports, one under way per namespace |
//! | `memory` | what outlives a restart |
//! | `queue` | what is due when |

mod action;
mod check;
mod instance;
mod lane;
mod memory;
mod queue;
mod reconcile;
mod register;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sider_registry::model::{InstanceKey, Namespace};

pub use action::{Action, CheckNo, Measured, Report};
pub use check::{Check, status_name};
pub use instance::{Goal, Instance};
pub use lane::ReportResults;
pub use memory::{Memory, RememberedCheck, RememberedInstance};

use crate::limits;
use lane::Lane;
use queue::{Due, Queue};

/// The agent's state machine.
#[derive(Debug)]
pub struct Core {
    instances: BTreeMap<InstanceKey, Instance>,
    checks: BTreeMap<CheckNo, Check>,
    lanes: BTreeMap<Namespace, Lane>,
    queue: Queue,
    /// Instances whose registration or deregistration waits for one of the few places.
    waiting: BTreeSet<InstanceKey>,
    in_flight: usize,
    /// What the last life left behind, until the first configuration takes it up.
    inherited: Memory,
    memory_changed: bool,
    stopping: bool,
    next_check: u64,
    next_key: u64,
    /// In front of every idempotency key: two agents, or two lives of one, must never share a key.
    key_prefix: u64,
    rng: StdRng,
}

impl Core {
    /// An agent without services, with what its last life remembered.
    #[must_use]
    pub fn new(seed: u64, inherited: Memory) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        Self {
            instances: BTreeMap::new(),
            checks: BTreeMap::new(),
            lanes: BTreeMap::new(),
            queue: Queue::default(),
            waiting: BTreeSet::new(),
            in_flight: 0,
            inherited,
            memory_changed: false,
            stopping: false,
            next_check: 0,
            next_key: 0,
            key_prefix: rng.random(),
            rng,
        }
    }

    /// Everything that is to be done now. Call it again after each input and at [`Core::next_due`].
    pub fn poll(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut lanes_due = BTreeSet::new();
        while let Some(due) = self.queue.pop(now) {
            match due {
                Due::Instance(key) => {
                    if let Some(instance) = self.instances.get_mut(&key) {
                        instance.due = None;
                        self.waiting.insert(key);
                    }
                }
                Due::Probe(no) => actions.extend(self.begin_probe(now, no)),
                Due::Send(no) => lanes_due.extend(self.checks.get(&no).map(|check| check.namespace().clone())),
                Due::Lane(namespace) => {
                    lanes_due.insert(namespace);
                }
            }
        }
        while self.in_flight < limits::REGISTRATIONS_IN_FLIGHT_MAX {
            let Some(key) = self.waiting.pop_first() else { break };
            actions.extend(self.begin_write(&key));
        }
        for namespace in lanes_due {
            actions.extend(self.begin_batch(now, &namespace));
        }
        actions
    }

    /// When [`Core::poll`] has something to do next; none: only after an input.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.queue.next()
    }

    /// Stops probing and reporting. With `leave`, everything is deregistered; without, only what is leaving already.
    pub fn stop(&mut self, now: Duration, leave: bool) {
        self.stopping = true;
        self.queue.clear();
        self.waiting.clear();
        let goes = |instance: &&Instance| leave || instance.goal == Goal::Absent;
        let keys: Vec<_> = self.instances.values().filter(goes).map(|instance| instance.key.clone()).collect();
        for key in keys {
            self.want_absent(now, &key);
        }
    }

    /// True when a stopped agent has nothing left to deregister or to wait for.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let wanted_absent = |instance: &Instance| matches!(instance.goal, Goal::Absent);
        self.stopping && self.in_flight == 0 && !self.instances.values().any(wanted_absent)
    }

    /// The instances, by key.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }

    /// The checks of an instance, in the order of the configuration.
    pub fn checks_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a Check> {
        instance.checks.iter().filter_map(|no| self.checks.get(no))
    }

    /// One check, while it exists.
    #[must_use]
    pub fn check(&self, no: CheckNo) -> Option<&Check> {
        self.checks.get(&no)
    }

    fn draw_below(&mut self, bound: Duration) -> Duration {
        if bound.is_zero() { bound } else { bound.mul_f64(self.rng.random_range(0.0..1.0)) }
    }

    /// Pause after `failures` failures in a row: doubled each time, bounded, drawn from the upper half.
    fn backoff(&mut self, failures: u32) -> Duration {
        let doubled = limits::BACKOFF_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(limits::BACKOFF_MAX).mul_f64(self.rng.random_range(0.5..=1.0))
    }

    fn new_key(&mut self) -> String {
        self.next_key += 1;
        format!("{:016x}-{}", self.key_prefix, self.next_key)
    }
}
