//! The keys of an object, in the order in which recorders write most of them. The order is a hint: a key that stands where it
//! usually does is found by comparing sixteen bytes, any other by its text. Knows nothing of what the keys mean.

/// Keys, and what the parser calls each.
pub(super) struct Keys<K, const N: usize> {
    entries: [(&'static str, K); N],
    heads: [Head; N],
}

/// `"key":` or `"value"` as the low bytes of a word.
#[derive(Clone, Copy)]
struct Head {
    word: u128,
    mask: u128,
    len: usize,
}

/// A key too long for a word: found by its text alone.
const TOO_LONG: Head = Head { word: 1, mask: 0, len: 0 };

impl<K: Copy, const N: usize> Keys<K, N> {
    pub(super) const fn new(entries: [(&'static str, K); N]) -> Self {
        Self::followed_by(b"\":", entries)
    }

    /// Strings that are values: the same without a colon behind them.
    pub(super) const fn values(entries: [(&'static str, K); N]) -> Self {
        Self::followed_by(b"\"", entries)
    }

    const fn followed_by(tail: &[u8], entries: [(&'static str, K); N]) -> Self {
        let mut heads = [TOO_LONG; N];
        let mut at = 0;
        while at < N {
            heads[at] = Head::of(entries[at].0.as_bytes(), tail);
            at += 1;
        }
        Self { entries, heads }
    }

    /// The first key from position `next` on that `rest` begins with, and its length with quotes and what follows them.
    #[inline]
    pub(super) fn ahead(&self, rest: &[u8], next: usize) -> Option<(usize, usize)> {
        let word = u128::from_le_bytes(*rest.first_chunk::<16>()?);
        let fits = |head: &Head| word & head.mask == head.word;
        self.heads[next..].iter().position(fits).map(|skipped| (next + skipped, self.heads[next + skipped].len))
    }

    /// The key at a position, and its text.
    #[inline]
    pub(super) fn entry(&self, at: usize) -> (K, &'static str) {
        (self.entries[at].1, self.entries[at].0)
    }

    /// What the key at a position is called.
    #[inline]
    pub(super) fn key(&self, at: usize) -> K {
        self.entries[at].1
    }

    /// The position of the key with this text.
    pub(super) fn position(&self, text: &[u8]) -> Option<usize> {
        self.entries.iter().position(|(name, _)| name.as_bytes() == text)
    }

    /// The key with this text, and its text.
    pub(super) fn find(&self, text: &[u8]) -> Option<(K, &'static str)> {
        self.position(text).map(|at| self.entry(at))
    }
}

impl Head {
    const fn of(key: &[u8], tail: &[u8]) -> Self {
        let len = 1 + key.len() + tail.len();
        if len > 16 {
            return TOO_LONG;
        }
        let mut word = b'"' as u128;
        let mut at = 1;
        while at < len {
            let byte = if at <= key.len() { key[at - 1] } else { tail[at - 1 - key.len()] };
            word |= (byte as u128) << (8 * at);
            at += 1;
        }
        Self { word, mask: u128::MAX >> (128 - 8 * len), len }
    }
}
