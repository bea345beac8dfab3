//! A cursor over the JSON text of one line. Borrows; copies only strings with escapes. Knows nothing of histories.

use std::borrow::Cow;

/// Where a line stops making sense, and what should have stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Byte of the line, from 0.
    pub(super) column: usize,
    pub(super) expected: Cow<'static, str>,
}

pub(super) type Parsed<T> = Result<T, Damage>;

/// Nesting that a value may have before it is called damaged: bounds the recursion of [`Cursor::skip_value`].
const DEPTH_MAX: u32 = 32;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn damage<T>(&self, expected: impl Into<Cow<'static, str>>) -> Parsed<T> {
        Err(Damage { column: self.at, expected: expected.into() })
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte > b' ' {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8, name: &'static str) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { self.damage(name) }
    }

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

    /// Calls `element` at each value of an array.
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
    pub(super) fn comma(&mut self) -> Parsed<()> {
        self.expect(b',', "`,`")
    }

    /// The opening bracket of a row.
    pub(super) fn open(&mut self) -> Parsed<()> {
        self.expect(b'[', "`[`")
    }

    /// The closing bracket of a row.
    pub(super) fn close(&mut self) -> Parsed<()> {
        self.expect(b']', "`]`")
    }

    pub(super) fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let rest = &self.bytes[start..];
        for (len, &byte) in rest.iter().enumerate() {
            match byte {
                b'"' => {
                    self.at = start + len + 1;
                    return Ok(Cow::Borrowed(&rest[..len]));
                }
                b'\\' => return self.escaped(start),
                0..=0x1f => break,
                _ => {}
            }
        }
        self.at = self.bytes.len();
        self.damage("the end of a string")
    }

    /// A string with escapes: rare (error texts), so serde_json may do it.
    fn escaped(&mut self, start: usize) -> Parsed<Cow<'a, [u8]>> {
        let mut end = start;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b'\\' => end += 2,
                b'"' => {
                    let quoted = &self.bytes[start - 1..=end];
                    self.at = end + 1;
                    return match serde_json::from_slice::<String>(quoted) {
                        Ok(text) => Ok(Cow::Owned(text.into_bytes())),
                        Err(_) => self.damage("a valid escape before this string's end"),
                    };
                }
                _ => end += 1,
            }
        }
        self.at = self.bytes.len();
        self.damage("the end of a string")
    }

    pub(super) fn number(&mut self) -> Parsed<u64> {
        self.peek();
        let start = self.at;
        let mut value = 0_u64;
        while let Some(&byte) = self.bytes.get(self.at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            let Some(next) = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit))) else {
                return self.damage("a number below 2^64");
            };
            value = next;
            self.at += 1;
        }
        let ends_well = !matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E'));
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
        let found = self.bytes[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
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
