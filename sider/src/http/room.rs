//! How many bytes of request bodies are held at a time, of all requests together: each body has its bound, and ten thousand
//! clients that send one at once must not take all memory. Part of the room is for small bodies alone.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use sider_registry::limits;

/// The room for bodies. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    bound: usize,
    /// Of it, what bodies that are not small can take.
    for_long: usize,
}

/// What one body takes of it; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Share {
    room: Room,
    bytes: usize,
}

/// A body, which takes room as long as it is held.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Bytes,
    _share: Share,
}

impl Room {
    /// For `bound` bytes, of which `kept` are for small bodies.
    pub(super) fn new(bound: usize, kept: usize) -> Self {
        Self { taken: Arc::default(), bound, for_long: bound.saturating_sub(kept) }
    }

    /// A share of no bytes yet.
    pub(super) fn share(&self) -> Share {
        Share { room: self.clone(), bytes: 0 }
    }

    /// Bytes taken now.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Takes `more` bytes, if there is room for them.
    #[must_use]
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let is_small = self.bytes.saturating_add(more) <= limits::HTTP_BODY_SMALL_LEN;
        let bound = if is_small { self.room.bound } else { self.room.for_long };
        let within = |taken: usize| taken.checked_add(more).filter(|sum| *sum <= bound);
        let grown = self.room.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok();
        if grown {
            self.bytes += more;
        }
        grown
    }

    /// The body that takes it.
    pub(super) fn hold(self, bytes: Bytes) -> Held {
        Held { bytes, _share: self }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_room_and_give_it_back() {
        let room = Room::new(10, 0);
        let (mut one, mut two) = (room.share(), room.share());
        assert!(one.grow(6) && two.grow(4), "as many as there are");
        assert!(!two.grow(1) && !one.grow(usize::MAX), "and no more");
        assert_eq!(room.taken(), 10, "what was refused takes nothing");
        let held = one.hold(Bytes::from_static(b"abcdef"));
        assert_eq!(&*held, b"abcdef");
        drop(held);
        assert!(two.grow(6));
        drop(two);
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn long_bodies_leave_room_for_small_ones() {
        let room = Room::new(limits::HTTP_BODY_SMALL_LEN + 10, 8);
        let (mut long, mut small) = (room.share(), room.share());
        assert!(long.grow(limits::HTTP_BODY_SMALL_LEN) && long.grow(2), "as much as is not kept");
        assert!(!long.grow(1));
        assert!(small.grow(8));
        assert!(!small.grow(1), "there is no more for anybody");
    }
}
