//! The incremental state hash: a multiset hash, the wrapping sum of a 128-bit hash of each record. To change a record costs
//! two hashes, however large the state is. It detects states that part by mistake; it does not resist an adversary.
//! Beside the sum goes the length of what was hashed: what the state costs in bytes.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

/// Sum of the hashes of a set of records, and of their lengths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest {
    sum: u128,
    bytes: usize,
}

impl Digest {
    /// The record is in the set now. `kind` keeps records of different sets apart that encode alike.
    pub(super) fn add<T: Serialize + ?Sized>(&mut self, kind: &'static str, record: &T) {
        let (hash, bytes) = hash(kind, record);
        self.sum = self.sum.wrapping_add(hash);
        self.bytes += bytes;
    }

    /// The record, which was in the set, is not any more.
    pub(super) fn remove<T: Serialize + ?Sized>(&mut self, kind: &'static str, record: &T) {
        let (hash, bytes) = hash(kind, record);
        self.sum = self.sum.wrapping_sub(hash);
        self.bytes -= bytes;
    }

    /// The digest of both sets together.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self { sum: self.sum.wrapping_add(other.sum), bytes: self.bytes + other.bytes }
    }

    /// The number.
    pub(super) fn value(self) -> u128 {
        self.sum
    }

    /// Length of all records in their canonical encoding.
    pub(super) fn bytes(self) -> usize {
        self.bytes
    }
}

/// Most records are shorter, and written without growing the buffer.
const RECORD_BYTES: usize = 512;

/// Hash and length of the canonical encoding of one value: msgpack by position, maps by key order.
pub(super) fn hash<T: Serialize + ?Sized>(kind: &'static str, record: &T) -> (u128, usize) {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    rmp_serde::encode::write(&mut bytes, &(kind, record)).expect("records have a msgpack form");
    (xxh3_128(&bytes), bytes.len())
}
