//! Interned strings: a name is a number, so that a million calls fit into memory and names compare in one instruction.
//! Knows nothing of JSON or of histories.

use std::borrow::Cow;

/// A name that occurs often (a service, an instance, a check, a node, an error), as a number. Resolve it with
/// [`crate::history::History::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub u32);

/// A value that occurs once or a few times (a nonce, an idempotency key). Up to nine ASCII characters are packed into
/// the number itself, seven bits each; longer ones are interned. Equal texts give equal tokens, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

const INTERNED: u64 = 1 << 63;
const PACKED_MAX: usize = 9;

impl Token {
    /// The empty text: "there was none".
    pub const NONE: Self = Self(0);

    /// Whether there is a value at all.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn packed(text: &[u8]) -> Option<Self> {
        if text.len() > PACKED_MAX {
            return None;
        }
        let mut packed = 0_u64;
        for &byte in text {
            if byte == 0 || byte >= 0x80 {
                return None;
            }
            packed = packed << 7 | u64::from(byte);
        }
        Some(Self(packed))
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

/// The table behind [`Symbol`]: open addressing over one text buffer, in the order of first occurrence.
#[derive(Clone, Debug, Default)]
pub struct Names {
    text: Vec<u8>,
    ends: Vec<u32>,
    slots: Vec<u32>,
}

impl Names {
    /// The symbol of `text`, a new one if it was not seen before.
    pub fn intern(&mut self, text: &[u8]) -> Symbol {
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash(text) as usize & mask;
        loop {
            match self.slots[at] {
                0 => break,
                taken if self.bytes(Symbol(taken - 1)) == text => return Symbol(taken - 1),
                _ => at = (at + 1) & mask,
            }
        }
        self.text.extend_from_slice(text);
        self.ends.push(u32::try_from(self.text.len()).expect("less than 4 GiB of names"));
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 names");
        self.slots[at] = number;
        Symbol(number - 1)
    }

    /// The symbol of `text`, if it was seen.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash(text.as_bytes()) as usize & mask;
        loop {
            match self.slots[at] {
                0 => return None,
                taken if self.bytes(Symbol(taken - 1)) == text.as_bytes() => return Some(Symbol(taken - 1)),
                _ => at = (at + 1) & mask,
            }
        }
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
        let mut bytes = Vec::with_capacity(PACKED_MAX);
        while rest != 0 {
            bytes.push(rest as u8 & 0x7f);
            rest >>= 7;
        }
        bytes.iter().rev().map(|&byte| char::from(byte)).collect()
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
        let mut slots = vec![0_u32; size];
        for number in 0..self.ends.len() {
            let symbol = Symbol(number as u32);
            let mut at = hash(self.bytes(symbol)) as usize & (size - 1);
            while slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            slots[at] = symbol.0 + 1;
        }
        self.slots = slots;
    }
}

/// Multiply-rotate over eight bytes at a time: names are short, and the table compares the bytes anyway.
fn hash(text: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = text.len() as u64;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        state = (state.rotate_left(5) ^ word).wrapping_mul(K);
    }
    let mut tail = 0_u64;
    for &byte in chunks.remainder() {
        tail = tail << 8 | u64::from(byte);
    }
    state = (state.rotate_left(5) ^ tail).wrapping_mul(K);
    state ^ state >> 32
}
