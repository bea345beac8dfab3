//! A cursor over the JSON text of one line. Borrows; copies only strings with escapes. Knows nothing of histories.

use std::borrow::Cow;

use super::keys::Keys;
use crate::history::names::Short;
use crate::history::words::{leading_number, plain_length};

/// Where a line stops making sense, and what should have stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Byte of the line, from 0.
    pub(super) column: usize,
    pub(super) expected: Cow<'static, str>,
}

/// The error is boxed because it is rare: so a number is returned in registers.
pub(super) type Parsed<T> = Result<T, Box<Damage>>;

/// Nesting that a value may have before it is called damaged: bounds the recursion of [`Cursor::skip_value`].
const DEPTH_MAX: u32 = 32;

/// Powers of ten by the number of digits.
const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a line. What stands behind its newline is never taken, and lets the cursor look at eight bytes at
    /// once without asking where the line ends.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[cold]
    pub(super) fn damage<T>(&self, expected: impl Into<Cow<'static, str>>) -> Parsed<T> {
        Err(Box::new(Damage { column: self.at, expected: expected.into() }))
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    /// The next byte of the line that is not white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            // The white space of JSON; other control characters are damage, such as the zeros of a torn write.
            match byte {
                b'\n' => return None,
                b' ' | b'\t' | b'\r' => self.at += 1,
                _ => return Some(byte),
            }
        }
        None
    }

    /// Takes `byte` if it is next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    #[inline]
    fn expect(&mut self, byte: u8, name: &'static str) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { self.damage(name) }
    }

    /// Nothing may follow on this line.
    pub(super) fn end(&mut self) -> Parsed<()> {
        if self.peek().is_none() { Ok(()) } else { self.damage("the end of the line") }
    }

    /// Calls `member` at each value of an object, with its key.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Parsed<()>) -> Parsed<()> {
        self.expect(b'{', "`{`")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':', "`:`")?;
            member(self, &key)?;
            if !self.take(b',') {
                return self.expect(b'}', "`,` or `}`");
            }
        }
    }

    /// The same for an object with known `keys`; values under other keys are passed over.
    #[inline]
    pub(super) fn keyed<K: Copy, const N: usize>(
        &mut self,
        keys: &Keys<K, N>,
        mut member: impl FnMut(&mut Self, K) -> Parsed<()>,
    ) -> Parsed<()> {
        self.expect(b'{', "`{`")?;
        if self.take(b'}') {
            return Ok(());
        }
        let mut seen = 0;
        let next = self.member(keys, 0, &mut seen, &mut member)?;
        self.members(keys, next, seen, member)
    }

    #[inline]
    fn members<K: Copy, const N: usize>(
        &mut self,
        keys: &Keys<K, N>,
        mut next: usize,
        mut seen: u32,
        mut member: impl FnMut(&mut Self, K) -> Parsed<()>,
    ) -> Parsed<()> {
        while self.take(b',') {
            next = self.member(keys, next, &mut seen, &mut member)?;
        }
        self.expect(b'}', "`,` or `}`")
    }

    /// One member of an object; the position behind its key. `seen` has a bit for each key that the object had already.
    #[inline]
    fn member<K: Copy, const N: usize>(
        &mut self,
        keys: &Keys<K, N>,
        next: usize,
        seen: &mut u32,
        member: &mut impl FnMut(&mut Self, K) -> Parsed<()>,
    ) -> Parsed<usize> {
        if let Some((at, len)) = keys.ahead(&self.bytes[self.at..], next) {
            self.at += len;
            self.once(at, seen)?;
            member(self, keys.key(at))?;
            return Ok(at + 1);
        }
        let key = self.string()?;
        self.expect(b':', "`:`")?;
        match keys.position(&key) {
            Some(at) => {
                self.once(at, seen)?;
                member(self, keys.key(at))?;
            }
            None => self.skip_value()?,
        }
        Ok(next)
    }

    /// Readers of JSON differ in which of two equal keys they believe, so a line with two has no meaning.
    #[inline]
    fn once(&mut self, at: usize, seen: &mut u32) -> Parsed<()> {
        let bit = 1_u32 << at;
        if *seen & bit != 0 {
            return self.damage("each key once in an object");
        }
        *seen |= bit;
        Ok(())
    }

    /// Calls `element` at each value of an array.
    #[inline]
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.expect(b'[', "`[`")?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']', "`,` or `]`");
            }
        }
    }

    /// The comma between two fields of a row.
    #[inline]
    pub(super) fn comma(&mut self) -> Parsed<()> {
        self.expect(b',', "`,`")
    }

    /// The opening bracket of a row.
    #[inline]
    pub(super) fn open(&mut self) -> Parsed<()> {
        self.expect(b'[', "`[`")
    }

    /// The closing bracket of a row.
    #[inline]
    pub(super) fn close(&mut self) -> Parsed<()> {
        self.expect(b']', "`]`")
    }

    /// Takes the string that is next if it is a short one without escapes, as nearly all are.
    #[inline]
    pub(super) fn short(&mut self) -> Option<Short> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let word = u64::from_le_bytes(*self.bytes[self.at + 1..].first_chunk::<8>()?);
        let len = plain_length(word);
        if len > Short::MAX || self.bytes[self.at + 1 + len] != b'"' {
            return None;
        }
        self.at += len + 2;
        Some(Short::new(word, len))
    }

    pub(super) fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let rest = &self.bytes[start..];
        let mut is_ascii = true;
        for (len, &byte) in rest.iter().enumerate() {
            match byte {
                b'"' => {
                    self.at = start + len + 1;
                    let text = &rest[..len];
                    // Two names of other bytes would look the same in a report.
                    if !is_ascii && std::str::from_utf8(text).is_err() {
                        return self.damage("UTF-8 in the string before here");
                    }
                    return Ok(Cow::Borrowed(text));
                }
                b'\\' => return self.escaped(start),
                0..=0x1f => return self.unended(start + len),
                _ => is_ascii &= byte.is_ascii(),
            }
        }
        self.unended(self.bytes.len())
    }

    fn unended<T>(&mut self, at: usize) -> Parsed<T> {
        self.at = at;
        self.damage("the end of a string")
    }

    /// A string with escapes: rare (error texts), so serde_json may do it.
    fn escaped(&mut self, start: usize) -> Parsed<Cow<'a, [u8]>> {
        let mut end = start;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b'\\' if self.bytes.get(end + 1) != Some(&b'\n') => end += 2,
                b'"' => {
                    let quoted = &self.bytes[start - 1..=end];
                    self.at = end + 1;
                    return match serde_json::from_slice::<String>(quoted) {
                        Ok(text) => Ok(Cow::Owned(text.into_bytes())),
                        Err(_) => self.damage("a valid escape before this string's end"),
                    };
                }
                b'\n' => break,
                _ => end += 1,
            }
        }
        self.unended(end.min(self.bytes.len()))
    }

    /// Takes one of the strings `words` if it is next.
    #[inline]
    pub(super) fn one_of<K: Copy, const N: usize>(&mut self, words: &Keys<K, N>) -> Option<(K, &'static str)> {
        self.peek();
        let (at, len) = words.ahead(&self.bytes[self.at..], 0)?;
        self.at += len;
        Some(words.entry(at))
    }

    /// Takes `text` if it is next.
    #[inline]
    pub(super) fn same(&mut self, text: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    #[inline]
    pub(super) fn number(&mut self) -> Parsed<u64> {
        match self.usual_number() {
            Some(value) => Ok(value),
            None => self.any_number(),
        }
    }

    /// Takes the number that is next if it is one as recorders write it: at most fifteen digits, and at once what follows it.
    #[inline]
    pub(super) fn usual_number(&mut self) -> Option<u64> {
        let words = self.bytes[self.at..].first_chunk::<16>()?;
        let word = u128::from_le_bytes(*words);
        let (mut value, mut digits) = leading_number(word as u64);
        let mut next = words[digits];
        if digits == 8 {
            let (part, more) = leading_number((word >> 64) as u64);
            value = value * POWERS[more] + part;
            digits += more;
            next = *words.get(digits)?;
        }
        if digits == 0 || digits > 1 && words[0] == b'0' || !matches!(next, b',' | b'}' | b']') {
            return None;
        }
        self.at += digits;
        Some(value)
    }

    fn any_number(&mut self) -> Parsed<u64> {
        self.peek();
        let start = self.at;
        let mut value = 0_u64;
        loop {
            let rest = &self.bytes[self.at..];
            let (part, digits) = match rest.first_chunk::<8>() {
                Some(word) => leading_number(u64::from_le_bytes(*word)),
                None => rest.first().map_or((0, 0), |&byte| leading_number(u64::from(byte))),
            };
            let Some(next) = value.checked_mul(POWERS[digits]).and_then(|value| value.checked_add(part)) else {
                return self.damage("a number below 2^64");
            };
            value = next;
            self.at += digits;
            if digits == 0 || digits < 8 && rest.len() >= 8 {
                break;
            }
        }
        let ends_well = !matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E'));
        if self.at - start > 1 && self.bytes[start] == b'0' {
            return self.damage("a number without leading zeros");
        }
        if self.at > start && ends_well { Ok(value) } else { self.damage("a whole number, not negative") }
    }

    pub(super) fn number_u32(&mut self) -> Parsed<u32> {
        let value = self.number()?;
        u32::try_from(value).or_else(|_| self.damage("a number below 2^32"))
    }

    pub(super) fn boolean(&mut self) -> Parsed<bool> {
        if self.word(b"true") {
            return Ok(true);
        }
        if self.word(b"false") { Ok(false) } else { self.damage("`true` or `false`") }
    }

    fn word(&mut self, word: &[u8]) -> bool {
        self.peek();
        self.same(word)
    }

    /// Passes over any value, checking its shape.
    pub(super) fn skip_value(&mut self) -> Parsed<()> {
        self.skip(DEPTH_MAX)
    }

    fn skip(&mut self, depth: u32) -> Parsed<()> {
        if depth == 0 {
            return self.damage("fewer nested values");
        }
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(|cursor, _| cursor.skip(depth - 1)),
            Some(b'[') => self.array(|cursor| cursor.skip(depth - 1)),
            Some(b't' | b'f') => self.boolean().map(drop),
            Some(b'n') if self.word(b"null") => Ok(()),
            Some(b'-' | b'0'..=b'9') => {
                let number = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                self.at += self.bytes[self.at..].iter().take_while(number).count();
                Ok(())
            }
            _ => self.damage("a value"),
        }
    }
}
