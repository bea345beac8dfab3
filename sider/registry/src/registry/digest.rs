//! The incremental state hash: a multiset hash, the wrapping sum of a 128-bit hash of each record. To change a record costs
//! two hashes, however large the state is. It detects states that part by mistake; it does not resist an adversary.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

/// Sum of the hashes of a set of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest(u128);

impl Digest {
    /// The record is in the set now. `kind` keeps records of different sets apart that encode alike.
    pub(super) fn add<T: Serialize + ?Sized>(&mut self, kind: &'static str, record: &T) {
        self.0 = self.0.wrapping_add(hash(kind, record));
    }

    /// The record, which was in the set, is not any more.
    pub(super) fn remove<T: Serialize + ?Sized>(&mut self, kind: &'static str, record: &T) {
        self.0 = self.0.wrapping_sub(hash(kind, record));
    }

    /// The digest of both sets together.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The number.
    pub(super) fn value(self) -> u128 {
        self.0
    }
}

/// Hash of the canonical encoding of one value: msgpack by position, maps by key order.
pub(super) fn hash<T: Serialize + ?Sized>(kind: &'static str, record: &T) -> u128 {
    let bytes = rmp_serde::to_vec(&(kind, record)).expect("records have a msgpack form");
    xxh3_128(&bytes)
}
