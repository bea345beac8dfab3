//! Remembered idempotency keys (LIN-3): a bounded first-in-first-out window, part of the replicated state, so that every
//! server gives a retry the same first answer, whoever leads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Bounds;
use super::digest::{self, Digest};
use crate::command::{Command, Outcome};

/// One remembered write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Its place in the order of all keyed writes.
    pub(super) sequence: u64,
    /// `X-Idempotency-Key`.
    pub(super) key: Arc<str>,
    /// Of the command, to tell a retry from another write under the same key.
    pub(super) fingerprint: Fingerprint,
    /// The first answer.
    pub(super) outcome: Outcome,
}

/// Hash of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint(u64, u64);

/// The window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Window {
    in_order: VecDeque<Arc<Remembered>>,
    by_key: BTreeMap<Arc<str>, Arc<Remembered>>,
    /// The sequence number of the next one.
    next: u64,
    digest: Digest,
}

/// The fingerprint of a command. The time of the proposal is not part of it: a retry has another.
pub(super) fn fingerprint(command: &Command) -> Fingerprint {
    let (hash, _) = digest::hash("command", command);
    Fingerprint((hash >> 64) as u64, hash as u64)
}

impl Window {
    /// An empty window whose next write has this sequence number.
    pub(super) fn starting_at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// What was answered to this key.
    pub(super) fn recall(&self, key: &str) -> Option<&Remembered> {
        self.by_key.get(key).map(Arc::as_ref)
    }

    /// Remembers the first answer to `key`. Forgets the oldest beyond the bounds on their number and their length.
    pub(super) fn remember(&mut self, key: &str, fingerprint: Fingerprint, outcome: Outcome, bounds: Bounds) {
        assert!(!matches!(outcome, Outcome::Rejected(_)), "a rejected write did not happen: its retry is a first try");
        let entry = Remembered { sequence: self.next, key: key.into(), fingerprint, outcome };
        self.push(Arc::new(entry));
        while (self.in_order.len() > bounds.keys || self.digest.bytes() > bounds.key_bytes)
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_key.remove(&oldest.key);
            self.digest.remove("key", oldest.as_ref());
        }
    }

    /// Appends an entry that has the next sequence number and a new key.
    pub(super) fn push(&mut self, entry: Arc<Remembered>) {
        assert_eq!(entry.sequence, self.next, "keyed writes are remembered in their order");
        self.digest.add("key", entry.as_ref());
        let before = self.by_key.insert(Arc::clone(&entry.key), Arc::clone(&entry));
        assert!(before.is_none(), "a remembered key is recalled, not remembered again");
        self.in_order.push_back(entry);
        self.next += 1;
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.in_order.len()
    }

    /// The sequence number of the next one.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Part of the state hash.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Remembered>> {
        self.in_order.iter()
    }
}
