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
use facts::Facts;
use history::History;
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
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new(trace: Trace) -> Self {
        let inner = Inner { history: History::default(), facts: Facts::default(), trace };
        Self { clock: VirtualClock::default(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// The record itself. Never held across an `.await`.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
