//! The words under `type` and `f`. A line of a fault may have others there.

use std::borrow::Cow;

use super::cursor::{Cursor, Parsed};
use super::keys::Keys;
use crate::history::model::{Membership, Operation};

/// What a line says of its call.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// Those of nearly every line first.
pub(super) const TYPES: Keys<Type, 4> =
    Keys::values([("invoke", Type::Invoke), ("ok", Type::Ok), ("info", Type::Info), ("fail", Type::Fail)]);

/// The name of an operation.
#[derive(Clone, Copy)]
pub(super) enum F {
    Register,
    Deregister,
    DeregisterId,
    Report,
    RenewMany,
    Read,
    Poll,
    List,
    Membership(Membership),
}

pub(super) const FS: Keys<F, 11> = Keys::values([
    ("read", F::Read),
    ("register", F::Register),
    ("deregister", F::Deregister),
    ("report", F::Report),
    ("poll", F::Poll),
    ("renew_many", F::RenewMany),
    ("list", F::List),
    ("deregister_id", F::DeregisterId),
    ("join", F::Membership(Membership::Join)),
    ("remove", F::Membership(Membership::Remove)),
    ("transfer", F::Membership(Membership::Transfer)),
]);

impl F {
    /// Whether `operation` has this name.
    pub(super) fn names(self, operation: &Operation) -> bool {
        match (self, operation) {
            (Self::Register, Operation::Register { .. })
            | (Self::Deregister, Operation::Deregister { .. })
            | (Self::DeregisterId, Operation::DeregisterId { .. })
            | (Self::Report, Operation::Report { .. })
            | (Self::RenewMany, Operation::RenewMany { .. })
            | (Self::Read, Operation::Read { .. })
            | (Self::Poll, Operation::Poll { .. })
            | (Self::List, Operation::List { .. }) => true,
            (Self::Membership(own), Operation::Membership { change, .. }) => own == *change,
            _ => false,
        }
    }
}

/// A word of the format, or any other text.
pub(super) enum Text<'a, K> {
    Word(K, &'static str),
    Other(Cow<'a, [u8]>),
}

impl<K> Text<'_, K> {
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Word(_, text) => Cow::Borrowed(text),
            Self::Other(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}

/// The string that is next.
#[inline]
pub(super) fn text<'a, K: Copy, const N: usize>(
    cursor: &mut Cursor<'a>,
    words: &'static Keys<K, N>,
) -> Parsed<Text<'a, K>> {
    if let Some((word, text)) = cursor.one_of(words) {
        return Ok(Text::Word(word, text));
    }
    let text = cursor.string()?;
    Ok(words.find(&text).map_or(Text::Other(text), |(word, text)| Text::Word(word, text)))
}
