//! Indices that outlive what they belonged to, so that a service that comes back does not begin below what its watchers
//! have seen (W-11). Bounded: the oldest are forgotten one by one, and what is forgotten answers with a common floor,
//! which only rises, so that no index ever goes back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::digest::Digest;
use crate::model::Index;

/// The last indices of things that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tombstones<K: Ord> {
    index_of: BTreeMap<K, Index>,
    /// The same by age. Ties (one command, several services) go by key.
    by_age: BTreeSet<(Index, K)>,
    /// At least the index of everything that was forgotten.
    floor: Index,
    digest: Digest,
}

impl<K: Ord> Default for Tombstones<K> {
    fn default() -> Self {
        Self { index_of: BTreeMap::new(), by_age: BTreeSet::new(), floor: Index::default(), digest: Digest::default() }
    }
}

impl<K: Ord + Clone + Serialize> Tombstones<K> {
    /// Nothing but the floor.
    pub(super) fn with_floor(floor: Index) -> Self {
        Self { floor, ..Self::default() }
    }

    /// The index that `key` answers with while it is gone: its last one, or the floor; at least 1.
    pub(super) fn index(&self, key: &K) -> Index {
        self.index_of.get(key).copied().unwrap_or(self.floor).max(Index::LEAST_ANSWERED)
    }

    /// `key` is gone since `index`. Forgets the oldest beyond `bound`.
    pub(super) fn bury(&mut self, key: K, index: Index, bound: usize) {
        assert!(index >= self.floor, "what dies now is not older than what is forgotten");
        self.digest.add("tombstone", &(&key, index));
        self.by_age.insert((index, key.clone()));
        let before = self.index_of.insert(key, index);
        assert!(before.is_none(), "nothing dies twice without having come back");
        while self.index_of.len() > bound
            && let Some((oldest, key)) = self.by_age.pop_first()
        {
            self.index_of.remove(&key);
            self.digest.remove("tombstone", &(&key, oldest));
            self.floor = self.floor.max(oldest);
        }
    }

    /// `key` is back.
    pub(super) fn raise(&mut self, key: &K) {
        if let Some((key, index)) = self.index_of.remove_entry(key) {
            self.digest.remove("tombstone", &(&key, index));
            self.by_age.remove(&(index, key));
        }
    }

    /// How many are remembered one by one.
    pub(super) fn len(&self) -> usize {
        self.index_of.len()
    }

    /// What the forgotten answer with.
    pub(super) fn floor(&self) -> Index {
        self.floor
    }

    /// Part of the state hash.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// All, by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, Index)> {
        self.index_of.iter().map(|(key, index)| (key, *index))
    }
}
