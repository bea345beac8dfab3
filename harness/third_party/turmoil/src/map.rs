//! Changed: not in the original. Maps in order of insertion whose keys are hashed by a multiplication instead of SipHash:
//! no order depends on the hash, and every key here is chosen by the simulation, so nobody can make them collide.

use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type IndexMap<K, V> = indexmap::IndexMap<K, V, BuildHasherDefault<Multiply>>;

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Default)]
pub(crate) struct Multiply(u64);

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(FACTOR);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    /// The map looks at the lowest and at the highest bits; a product is well mixed in its highest alone.
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}
