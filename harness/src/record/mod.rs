//! The record of a run: what clients saw, what was broken, what servers did, and a rolling hash of all of it.
//!
//! | room | what |
//! |---|---|
//! | [`clock`] | virtual time, safe to read anywhere |
//! | [`history`] | `history.jsonl` and `nemesis.jsonl`, in the judge's format |
//! | [`facts`] | white-box facts of the servers: applied entries, roles, named points |
//! | [`trace`] | the rolling hash, and the text for comparing two runs |
//! | [`probe`] | the tracing subscriber that feeds facts and trace |
//! | [`artefacts`] | the directory of a run |
//!
//! Nothing here influences a run. Knows nothing of scenarios.

pub mod artefacts;
pub mod clock;
pub mod facts;
pub mod history;
pub mod probe;
pub mod trace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::VirtualClock;
use facts::{FactKind, Facts};
use history::History;
use linearizability::history::NodeRecord;
use trace::Trace;

/// The record. Cheap to clone; everybody in a run holds it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Virtual time.
    pub clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

/// What is recorded.
#[derive(Debug)]
pub struct Inner {
    /// What clients and the nemesis did.
    pub history: History,
    /// What servers did.
    pub facts: Facts,
    /// All of it, hashed.
    pub trace: Trace,
    /// Clusters that are gone with everything they stored, oldest first.
    pub past: Vec<Past>,
}

/// The record of a cluster that is gone: it is judged for itself, since nothing that it promised binds the next one.
#[derive(Debug)]
pub struct Past {
    /// Its `history.jsonl`.
    pub history: String,
    /// What its servers did.
    pub nodes: Vec<NodeRecord>,
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new(trace: Trace) -> Self {
        let inner = Inner { history: History::default(), facts: Facts::default(), trace, past: Vec::new() };
        Self { clock: VirtualClock::default(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// The disk of `node` was emptied.
    pub fn wiped(&self, node: &str) {
        self.lock().facts.take(self.clock.step_ns(), node, FactKind::Wiped);
    }

    /// From here on another cluster is recorded, in a history of its own. A call that is open stays open in the old one.
    pub fn new_cluster(&self) {
        let step = self.clock.step_ns();
        let mut inner = self.lock();
        let past = Past { history: inner.history.new_cluster(), nodes: inner.facts.new_cluster(step) };
        inner.past.push(past);
    }

    /// The record itself. Never held across an `.await`.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
