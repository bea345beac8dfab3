//! A hash table for lookups only, with a fixed hash: it is never iterated, so its order cannot show.

use std::hash::{BuildHasherDefault, Hasher};

/// Key to value. Never iterate it.
#[expect(clippy::disallowed_types, reason = "fixed hasher, and never iterated: order cannot leak into a verdict")]
pub(crate) type Lookup<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Mix>>;

/// Multiply and fold (wyhash's mixing step), one word at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mix(u64);

impl Mix {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ value ^ 0x9e37_79b9_7f4a_7c15, 0xe703_7ed1_a0b4_28db);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }
}

/// Both halves of a 128-bit product, folded.
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
