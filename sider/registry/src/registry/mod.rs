//! The state and its transitions.
//!
//! [`Registry::apply`] never fails: a rejection is an outcome. What a command changes goes through a [`change::Change`],
//! which gives all of it one Index and makes the events. Knows nothing of who proposes commands or who reads.
//!
//! | room | what it does |
//! |---|---|
//! | `records` | instances, checks and what is derived from them (tags, ids, counts), each with its part of the state hash |
//! | `change` | one command's changes: the Index, the service and catalog indices, the events |
//! | `register`, `remove`, `report` | the commands |
//! | `check_ids` | which ids the checks of an instance get |
//! | `tombstones` | indices that outlive what they belonged to |
//! | `window` | remembered idempotency keys |
//! | `digest` | the incremental state hash |
//! | `parts` | the state in the form of a snapshot, and back, with every invariant verified |
//! | `read` | what readers see |

mod change;
mod check_ids;
mod digest;
mod parts;
mod read;
mod records;
mod register;
mod remove;
mod report;
mod tombstones;
mod window;

use std::hash::{Hash, Hasher};

use crate::command::{Applied, Command, Outcome, Rejection, Request};
use crate::limits;
use crate::model::{Index, Namespace, ServiceKey};
use change::Change;
pub(crate) use parts::Parts;
pub use read::Counts;
use records::Records;
use tombstones::Tombstones;
use window::Window;

/// The replicated state. A copy shares its records with the original, so it is cheap to take while writes go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    index: Index,
    records: Records,
    services_gone: Tombstones<ServiceKey>,
    namespaces_gone: Tombstones<Namespace>,
    window: Window,
    bounds: Bounds,
}

/// How much the replicated state may hold. Every server of a cluster must have the same, or their states part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Instances altogether.
    pub instances: usize,
    /// Instances of one service.
    pub instances_per_service: usize,
    /// Remembered indices of services that are gone; the same number for namespaces.
    pub tombstones: usize,
    /// Remembered idempotency keys.
    pub keys: usize,
    /// Length of all instances and checks in their encoding.
    pub bytes: usize,
    /// Length of all remembered keys with their answers.
    pub key_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            instances: limits::INSTANCES_MAX,
            instances_per_service: limits::INSTANCES_PER_SERVICE_MAX,
            tombstones: limits::TOMBSTONES_MAX,
            keys: limits::IDEMPOTENCY_KEYS_MAX,
            bytes: limits::REGISTRY_BYTES_MAX,
            key_bytes: limits::IDEMPOTENCY_BYTES_MAX,
        }
    }
}

/// An empty registry stands at [`Index::LEAST_ANSWERED`], not at 0: "nothing yet" is what an answer calls 1, and if the
/// first change were 1 too, whoever had read before it and waits for more would never hear of it (W-4, W-9).
impl Default for Registry {
    fn default() -> Self {
        Self {
            index: Index::LEAST_ANSWERED,
            records: Records::default(),
            services_gone: Tombstones::default(),
            namespaces_gone: Tombstones::default(),
            window: Window::default(),
            bounds: Bounds::default(),
        }
    }
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same registry under other bounds, for tests and models that reach them. What is over a bound already stays.
    #[must_use]
    pub fn bounded(mut self, bounds: Bounds) -> Self {
        assert!(bounds.tombstones > 0 && bounds.keys > 0, "a registry remembers at least one tombstone and one key");
        self.bounds = bounds;
        self
    }

    /// Applies one command of the log.
    ///
    /// The same requests in the same order give the same state, outcomes and events on every server. A rejection
    /// changes nothing. A remembered idempotency key gives the first outcome again and changes nothing.
    pub fn apply(&mut self, request: &Request) -> Applied {
        let keyed = request.key.as_deref().map(|key| (key, window::fingerprint(&request.command)));
        if let Some((key, fingerprint)) = keyed
            && let Some(remembered) = self.window.recall(key)
        {
            let outcome = if remembered.fingerprint == fingerprint {
                remembered.outcome.clone()
            } else {
                Outcome::Rejected(Rejection::KeyReused { key: key.to_owned() })
            };
            return Applied { outcome, events: Vec::new() };
        }

        let hash = self.state_hash();
        let mut change = Change::after(self.index, request.at);
        let result = match &request.command {
            Command::Register { instance, checks } => self.register(instance, checks, &mut change),
            Command::Deregister { key } => self.deregister(key, &mut change),
            Command::DeregisterId { namespace, id } => self.deregister_id(namespace, id, &mut change),
            Command::Report { reports } => self.report(reports, &mut change),
            Command::Expire { expiries } => self.expire(expiries, &mut change),
        };
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(rejection) => {
                assert!(change.is_empty() && self.state_hash() == hash, "a rejection changes nothing: {rejection}");
                return Applied { outcome: Outcome::Rejected(rejection), events: Vec::new() };
            }
        };
        let events = self.settle(change);
        if let Some((key, fingerprint)) = keyed {
            self.window.remember(key, fingerprint, outcome.clone(), self.bounds);
        }
        Applied { outcome, events }
    }
}

/// By the state hash: equal states are equal, and a model checker tells states apart at no cost.
impl Hash for Registry {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state_hash().hash(hasher);
    }
}
