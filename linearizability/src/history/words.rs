//! Eight characters at a time, in one machine word with the first character lowest (Lamport, "Multiple byte processing with
//! full-word instructions", CACM 1975). Borrows and carries run upwards: of the marks that the tricks leave behind, the
//! lowest is right, and no other is used.

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// 2^64 divided by the golden ratio (Knuth, TAOCP 3, section 6.4).
pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of what `hash` is of and a word more. Its highest bits are mixed best.
#[inline(always)]
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(GOLDEN)
}

/// ASCII characters before the first quote, backslash, control or other character; 8 if there is none.
#[inline]
pub(super) fn plain_length(word: u64) -> usize {
    let is_below = |word: u64, bound: u64| word.wrapping_sub(LOW_BITS * bound) & !word;
    let is_equal = |byte: u8| is_below(word ^ (LOW_BITS * u64::from(byte)), 1);
    let ends = (is_equal(b'"') | is_equal(b'\\') | is_below(word, 0x20) | word) & HIGH_BITS;
    ends.trailing_zeros() as usize / 8
}

/// Characters before the first quote; 8 if there is none.
#[inline]
pub(super) fn quoted_length(word: u64) -> usize {
    let quotes = word ^ (LOW_BITS * u64::from(b'"'));
    (quotes.wrapping_sub(LOW_BITS) & !quotes & HIGH_BITS).trailing_zeros() as usize / 8
}

/// The digits in front, as a number, and how many they are.
#[inline]
pub(super) fn leading_number(word: u64) -> (u64, usize) {
    let digits = word ^ (LOW_BITS * u64::from(b'0'));
    let others = (digits.wrapping_add(LOW_BITS * 0x76) | digits) & HIGH_BITS;
    let count = others.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // Zeros in front, then neighbours are joined: pairs, fours, all eight.
    let padded = digits << (64 - 8 * count);
    let pairs = padded.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000 << 32 | 1) >> 32, count)
}
