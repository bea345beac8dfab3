//! What the index adds to reads: RD-1 to RD-3, and the arrangement of the history that the passes over polls and TTLs share.
//!
//! | room | what |
//! |---|---|
//! | `evidence` | the history by service: answers, polls, changes with the index that they own |
//! | `bounds` | every bound in time that a pass judges by |
//! | `notes` | where a pass writes what it found |
//! | `states` | RD-1 and W-1: an answer is one state, the one at its index |
//! | `monotone` | RD-2 and W-3: no server shows an older state than before |
//! | `lag` | RD-3: how old a stale read says that it is |
//!
//! Knows no server code, and takes nothing that a server recorded about itself as proof.

mod bounds;
mod evidence;
mod lag;
mod line_clock;
mod monotone;
mod notes;
mod states;

pub(crate) use bounds::{Bounds, granted_wait};
pub(crate) use evidence::{Change, Evidence, Poll, Seen, Service};
pub(crate) use notes::Notes;
pub(crate) use states::may_be_undone;

/// RD-1 to RD-3, with W-1 and W-3, which are the same rules for answers that are not stale.
pub(crate) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    states::check(evidence, notes);
    monotone::check(evidence, notes);
    lag::check(evidence, notes);
}
