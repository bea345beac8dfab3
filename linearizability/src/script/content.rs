//! What one cell (one instance of one service) holds, packed so that a search can compare, hash and undo it in a few
//! instructions. The same rules as the specification's, in another form; the order check replays every order through the
//! specification itself, so a mistake here cannot make a wrong history right.

use crate::history::{Status, Token};

/// Checks of one instance that fit: two bits each.
pub(crate) const CHECKS_MAX: usize = 32;

/// An instance, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) nonce: Token,
    /// Two bits a check, in the order of the shape.
    pub(crate) statuses: u64,
    /// The sorted list of check ids: see `Script::shapes`. [`Content::ABSENT`] has its own.
    pub(crate) shape: u32,
    /// A bit for each ttl check, in the order of the shape.
    pub(crate) ttl: u32,
}

impl Content {
    /// No such instance.
    pub(crate) const ABSENT: Self = Self { nonce: Token::NONE, statuses: 0, shape: u32::MAX, ttl: 0 };

    pub(crate) fn is_present(&self) -> bool {
        self.shape != Self::ABSENT.shape
    }

    /// Whether all checks pass: `passing` is 0.
    pub(crate) fn is_passing(&self) -> bool {
        self.statuses == 0
    }

    /// Whether a ttl check is critical.
    pub(crate) fn has_expired(&self) -> bool {
        (0..self.ttl.checked_ilog2().map_or(0, |top| top + 1))
            .any(|position| self.ttl >> position & 1 == 1 && self.status(position) == CRITICAL)
    }

    pub(crate) fn status(&self, position: u32) -> u64 {
        self.statuses >> (2 * position) & 3
    }

    pub(crate) fn with_status(mut self, position: u32, status: Status) -> Self {
        self.statuses = self.statuses & !(3 << (2 * position)) | code(status) << (2 * position);
        self
    }
}

/// Two bits for a status; `passing` is 0, `critical` is 3.
pub(crate) const fn code(status: Status) -> u64 {
    match status {
        Status::Passing => 0,
        Status::Warning => 1,
        Status::Unknown => 2,
        Status::Critical => 3,
    }
}

const CRITICAL: u64 = code(Status::Critical);

/// What a reader was shown of a cell: like [`Content`], without the types of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) nonce: Token,
    pub(crate) statuses: u64,
    pub(crate) shape: u32,
}

impl Shown {
    /// Whether this is `content` as it is.
    #[inline]
    pub(crate) fn is(&self, content: &Content) -> bool {
        (content.nonce, content.statuses, content.shape) == (self.nonce, self.statuses, self.shape)
    }

    /// What `content` has to become for a reader to be shown this; `None` if no expiry makes it so.
    pub(crate) fn explain(&self, content: &Content) -> Option<Content> {
        if content.nonce != self.nonce || content.shape != self.shape {
            return None;
        }
        if content.statuses == self.statuses {
            return Some(*content);
        }
        let mut differing = content.statuses ^ self.statuses;
        while differing != 0 {
            let position = differing.trailing_zeros() / 2;
            let expired = self.statuses >> (2 * position) & 3 == CRITICAL && content.ttl >> position & 1 == 1;
            if !expired {
                return None;
            }
            differing &= !(3 << (2 * position));
        }
        Some(Content { statuses: self.statuses, ..*content })
    }
}

/// What `content` has to become for a filter for passing instances to leave it out; `None` if it cannot.
pub(crate) fn explain_hidden(content: &Content) -> Option<Content> {
    if !content.is_present() || !content.is_passing() {
        return Some(*content);
    }
    match content.ttl.count_ones() {
        0 => None,
        1 => Some(content.with_status(content.ttl.trailing_zeros(), Status::Critical)),
        _ => Some(*content),
    }
}
