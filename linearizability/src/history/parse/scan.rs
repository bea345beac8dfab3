//! Steps over text that is exactly as recorders write it: no white space, no escapes, no sign. Each step says `None` to any
//! other text; then the line is for [`super::cursor`], which knows all of JSON and what is wrong with a line. Knows nothing of
//! histories.

use crate::history::names::{Names, Short, Symbol, Token};
use crate::history::words::{leading_number, plain_length, quoted_length};

/// The text from some byte of a line to the end of its block: so eight bytes can be looked at wherever the line ends.
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What was not taken yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `text`.
    #[inline(always)]
    pub(super) fn text<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        self.has(text).then_some(())
    }

    /// Takes `text` if it is next.
    #[inline(always)]
    pub(super) fn has<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((next, rest)) if next == text => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a text that is known only now.
    #[inline]
    pub(super) fn same(&mut self, text: &[u8]) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Whether the line ends here; its newline is not taken.
    #[inline(always)]
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.first().is_none_or(|&byte| byte == b'\n')
    }

    #[inline(always)]
    fn word(&self) -> Option<u64> {
        self.rest.first_chunk::<8>().map(|word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    /// A number of at most fifteen digits. What has to follow it is for the caller to take.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Option<u64> {
        let (first, digits) = leading_number(self.word()?);
        if digits == 0 || digits > 1 && self.rest.first() == Some(&b'0') {
            return None;
        }
        self.skip(digits)?;
        if digits < 8 { Some(first) } else { self.number_behind(first) }
    }

    /// The further digits of a number that begins with the eight digits of `first`.
    #[inline(always)]
    fn number_behind(&mut self, first: u64) -> Option<u64> {
        let (last, digits) = leading_number(self.word()?);
        self.skip(digits)?;
        Some(first * POWERS.get(digits)? + last)
    }

    #[inline(always)]
    pub(super) fn number_u32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// The same for one that seldom has more than one digit.
    #[inline(always)]
    pub(super) fn small_number(&mut self) -> Option<u32> {
        match *self.rest {
            [digit @ b'0'..=b'9', b',', ..] => {
                self.skip(1)?;
                Some(u32::from(digit - b'0'))
            }
            _ => self.number_u32(),
        }
    }

    /// The name from here to the next quote, which is taken too.
    #[inline(always)]
    pub(super) fn symbol(&mut self, names: &mut Names) -> Option<Symbol> {
        let word = self.word()?;
        let len = quoted_length(word);
        if len <= Short::MAX
            && let Some(symbol) = names.known(Short::new(word, len))
        {
            self.skip(len + 1)?;
            return Some(symbol);
        }
        self.plain().map(|text| names.intern(text))
    }

    /// The same for a value that occurs once or a few times.
    #[inline(always)]
    pub(super) fn token(&mut self, names: &mut Names) -> Option<Token> {
        let word = self.word()?;
        let len = plain_length(word);
        if len <= Short::MAX {
            self.quote_behind(len)?;
            return Some(Token::short(Short::new(word, len)));
        }
        if self.rest.get(8) == Some(&b'"') {
            self.skip(9)?;
            return Some(Token::packed_plain(word));
        }
        self.plain().map(|text| names.token(text))
    }

    #[inline(always)]
    fn quote_behind(&mut self, len: usize) -> Option<()> {
        if *self.rest.get(len)? != b'"' {
            return None;
        }
        self.skip(len + 1)
    }

    /// ASCII without escapes up to the next quote, of any length.
    #[inline]
    fn plain(&mut self) -> Option<&'a [u8]> {
        let text = self.rest;
        let mut len = 0;
        loop {
            let part = plain_length(u64::from_le_bytes(*text.get(len..)?.first_chunk::<8>()?));
            len += part;
            if part < 8 {
                break;
            }
        }
        self.quote_behind(len)?;
        text.get(..len)
    }
}

/// Powers of ten by the number of digits: fewer than eight.
const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
