//! Positions in the registry's own history, and the wall clock as decoration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A counter in the replicated state: it grows by one for each applied command that changes something a reader can
/// see, and never otherwise. It is not a Raft log position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Index(pub u64);

impl Index {
    /// The least index that an answer carries: a client takes 0 for "no index" and would poll without waiting (W-9).
    pub const LEAST_ANSWERED: Self = Self(1);
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Wall-clock milliseconds since the Unix epoch as the proposing leader saw them. For people only: nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);
