//! Interned strings: a name is a number, so that a million calls fit into memory and names compare in one instruction.
//! Knows nothing of JSON or of histories.

use std::borrow::Cow;

use super::words::{GOLDEN, mix, plain_length};

/// A name that occurs often (a service, an instance, a check, a node, an error), as a number. Resolve it with
/// [`crate::history::History::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub u32);

/// A value that occurs once or a few times (a nonce, an idempotency key). Up to nine ASCII characters are packed into
/// the number itself, seven bits each, the first character lowest; longer ones are interned. Equal texts give equal
/// tokens, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

const INTERNED: u64 = 1 << 63;
/// The lowest and the highest bit of each byte of a word.
const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

impl Token {
    /// The empty text: "there was none".
    pub const NONE: Self = Self(0);

    /// Whether there is a value at all.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn packed(text: &[u8]) -> Option<Self> {
        match text.split_at_checked(8) {
            None => Self::packed_word(little_endian(text), text.len()),
            Some((first, ninth)) => {
                let low = Self::packed_word(little_endian(first), 8)?;
                match *ninth {
                    [] => Some(low),
                    [byte @ 1..0x80] => Some(Self(low.0 | u64::from(byte) << 56)),
                    _ => None,
                }
            }
        }
    }

    /// At most eight characters, the first one lowest.
    fn packed_word(word: u64, len: usize) -> Option<Self> {
        let used = LOW_BITS.checked_shr(64 - 8 * len as u32).unwrap_or(0);
        // ASCII only: no highest bit, and adding 0x7f sets it in every byte but NUL.
        if word & HIGH_BITS != 0 || (word + used * 0x7f) & HIGH_BITS != used << 7 {
            return None;
        }
        Some(Self::packed_plain(word))
    }

    /// The token of a short text that is plain.
    pub(super) fn short(text: Short) -> Self {
        Self::packed_plain(text.word())
    }

    /// At most eight characters of ASCII, none of them NUL.
    #[inline]
    pub(super) fn packed_plain(word: u64) -> Self {
        // From eight bits a character to seven, by halves: pairs, fours, all eight.
        let pairs = (word & 0x7f00_7f00_7f00_7f00) >> 1 | word & 0x007f_007f_007f_007f;
        let fours = (pairs & 0x3fff_0000_3fff_0000) >> 2 | pairs & 0x0000_3fff_0000_3fff;
        Self((fours & 0x0fff_ffff_0000_0000) >> 4 | fours & 0x0000_0000_0fff_ffff)
    }

    pub(crate) fn interned(symbol: Symbol) -> Self {
        Self(INTERNED | u64::from(symbol.0))
    }

    pub(crate) fn symbol(self) -> Option<Symbol> {
        (self.0 & INTERNED != 0).then_some(Symbol(self.0 as u32))
    }

    /// The number itself, for hashing.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

/// A text of at most seven bytes with its length in the highest byte: what short names are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short(u64);

impl Short {
    pub(super) const MAX: usize = 7;

    /// The first `len` bytes of `word`, which holds the first character lowest.
    #[inline]
    pub(super) fn new(word: u64, len: usize) -> Self {
        debug_assert!(len <= Self::MAX, "{len} bytes are no short text");
        Self(word & ((1 << (8 * len)) - 1) | (len as u64) << 56)
    }

    fn len(self) -> usize {
        (self.0 >> 56) as usize
    }

    #[inline]
    fn word(self) -> u64 {
        self.0 & ((1 << 56) - 1)
    }
}

/// The table behind [`Symbol`]: open addressing over one text buffer, in the order of first occurrence.
#[derive(Clone, Debug, Default)]
pub struct Names {
    text: Vec<u8>,
    ends: Vec<u32>,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    mark: u64,
    /// Number of a name from 1; 0: free.
    number: u32,
}

impl Names {
    /// The symbol of `text`, a new one if it was not seen before.
    pub fn intern(&mut self, text: &[u8]) -> Symbol {
        self.intern_marked(mark(text), text)
    }

    /// The symbol of a short text that is plain: see [`plain_length`].
    #[inline]
    pub(super) fn intern_short(&mut self, short: Short) -> Symbol {
        match self.known(short) {
            Some(symbol) => symbol,
            None => self.intern_marked(short.0, &short.word().to_le_bytes()[..short.len()]),
        }
    }

    /// The symbol of a short text, if it is plain and was seen. So whoever finds a text here need not look what it consists of.
    #[inline(always)]
    pub(super) fn known(&self, short: Short) -> Option<Symbol> {
        let mut at = self.first_slot(short.0);
        loop {
            let slot = self.slots.get(at)?;
            if slot.mark == short.0 {
                return slot.number.checked_sub(1).map(Symbol);
            }
            if slot.number == 0 {
                return None;
            }
            at = self.next_slot(at);
        }
    }

    fn intern_marked(&mut self, mark: u64, text: &[u8]) -> Symbol {
        match self.find_marked(mark, text) {
            Some(symbol) => symbol,
            None => self.add(mark, text),
        }
    }

    #[cold]
    fn add(&mut self, mark: u64, text: &[u8]) -> Symbol {
        self.text.extend_from_slice(text);
        self.ends.push(u32::try_from(self.text.len()).expect("less than 4 GiB of names"));
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 names");
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        self.occupy(Slot { mark, number });
        Symbol(number - 1)
    }

    /// The symbol of `text`, if it was seen.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.find_marked(mark(text.as_bytes()), text.as_bytes())
    }

    fn find_marked(&self, mark: u64, text: &[u8]) -> Option<Symbol> {
        let mut at = self.first_slot(mark);
        loop {
            let slot = self.slots.get(at)?;
            let symbol = Symbol(slot.number.checked_sub(1)?);
            if slot.mark == mark && (!is_hash(mark) || self.bytes(symbol) == text) {
                return Some(symbol);
            }
            at = self.next_slot(at);
        }
    }

    #[inline(always)]
    fn first_slot(&self, mark: u64) -> usize {
        let mixed = mark.wrapping_mul(GOLDEN);
        (mixed ^ mixed >> 32) as usize & self.slots.len().wrapping_sub(1)
    }

    #[inline(always)]
    fn next_slot(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// The token of `text`.
    pub fn token(&mut self, text: &[u8]) -> Token {
        Token::packed(text).unwrap_or_else(|| Token::interned(self.intern(text)))
    }

    /// The bytes behind a symbol of this table.
    pub fn bytes(&self, symbol: Symbol) -> &[u8] {
        let at = symbol.0 as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize]
    }

    /// The text behind a symbol; bytes that are not UTF-8 are shown as U+FFFD.
    pub fn name(&self, symbol: Symbol) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(symbol))
    }

    /// The text behind a token.
    pub fn token_text(&self, token: Token) -> String {
        if let Some(symbol) = token.symbol() {
            return self.name(symbol).into_owned();
        }
        let mut rest = token.bits();
        let mut bytes = Vec::new();
        while rest != 0 {
            bytes.push(rest as u8 & 0x7f);
            rest >>= 7;
        }
        bytes.into_iter().map(char::from).collect()
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no name yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        old.into_iter().filter(|slot| slot.number > 0).for_each(|slot| self.occupy(slot));
    }

    fn occupy(&mut self, slot: Slot) {
        let mut at = self.first_slot(slot.mark);
        while self.slots[at].number != 0 {
            at = self.next_slot(at);
        }
        self.slots[at] = slot;
    }
}

/// What names are compared by: of a plain short one the [`Short`] itself; of any other a hash, with 255 for the length, so that
/// no short name has the same.
fn mark(text: &[u8]) -> u64 {
    if text.len() <= Short::MAX {
        let word = little_endian(text);
        if plain_length(word) == text.len() {
            return Short::new(word, text.len()).0;
        }
    }
    let mut state = text.len() as u64;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        state = mix(state, little_endian(chunk));
    }
    state = mix(state, little_endian(chunks.remainder()));
    (state ^ state >> 32) | 0xff << 56
}

/// Whether a mark is a hash: then two texts may have it.
fn is_hash(mark: u64) -> bool {
    mark >> 56 == 0xff
}

/// At most eight bytes as a number, the first one lowest. Two loads that overlap instead of a loop: this runs for every name of every line.
fn little_endian(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let Some((first, _)) = bytes.split_first_chunk::<4>()
        && let Some((_, last)) = bytes.split_last_chunk::<4>()
    {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
    }
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c, ..] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
    }
}
