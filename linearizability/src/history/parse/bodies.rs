//! The bodies that a block showed last. A service that did not change is shown in the same words again, so half of all bodies
//! are one comparison instead of a row after the other, and take no room in the history. Knows nothing of what a body means.

use crate::history::model::Span;
use crate::history::words::mix;

/// Places for bodies: some hundred services are read in one block.
const PLACES: usize = 512;
/// Bytes of a body that decide its place: as a rule the id, the nonce and the modify index of the first row. A shorter body
/// is not kept.
const HEAD: usize = 32;

/// Bodies by their first bytes: the last one of each place.
pub(super) struct Bodies<'l> {
    places: [(&'l [u8], Span); PLACES],
    kept_last: usize,
}

impl Default for Bodies<'_> {
    fn default() -> Self {
        Self { places: [(&[], Span::default()); PLACES], kept_last: 0 }
    }
}

impl<'l> Bodies<'l> {
    /// The place of the body that `text` begins with.
    #[inline(always)]
    pub(super) fn place(text: &[u8]) -> Option<usize> {
        let head = text.first_chunk::<HEAD>()?;
        let (words, _) = head.as_chunks::<8>();
        let hash = words.iter().fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        Some((hash >> (u64::BITS - PLACES.ilog2())) as usize)
    }

    /// The length of the body that `text` begins with, and its rows, if the body kept at `place` is the same.
    #[inline(always)]
    pub(super) fn find(&self, place: usize, text: &[u8]) -> Option<(usize, Span)> {
        let (known, rows) = self.places[place];
        (!known.is_empty() && text.starts_with(known)).then_some((known.len(), rows))
    }

    /// Keeps a whole body, which ends with its closing bracket: no other body begins so.
    #[inline(always)]
    pub(super) fn keep(&mut self, place: usize, body: &'l [u8], rows: Span) {
        self.places[place] = (body, rows);
        self.kept_last = place;
    }

    /// Forgets the body that was kept last: its rows are gone.
    pub(super) fn forget_last(&mut self) {
        self.places[self.kept_last] = (&[], Span::default());
    }
}
