//! Watch semantics: W-2, W-4 to W-14, one property a file (W-1 and W-3 hold for every answer: see `crate::reads`).
//! Judged from what the clients saw, and from the fault lines where an upper bound needs a whole cluster.
//!
//! | room | what |
//! |---|---|
//! | `pending` | when a poll that still waits proves something |
//! | `w02` ... `w14` | one property each, with its formula |
//!
//! Words of the formulas: p a poll, N the index that it asked with, a an answer, `own` indices those of acknowledged
//! writes. All times are the recorder's.

mod pending;
mod w02_never_below;
mod w04_no_lost_wakeup;
mod w05_no_spurious_wakeup;
mod w06_other_services;
mod w07_time_out;
mod w08_nothing_from_the_future;
mod w09_at_least_one;
mod w10_last_state;
mod w11_outlives_instances;
mod w12_snapshot_wakes;
mod w13_gone_clients;
mod w14_passing_filter;

use crate::reads::{Evidence, Notes};

pub(crate) use pending::answer_due;

/// All properties of polls.
pub(crate) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    w02_never_below::check(evidence, notes);
    w04_no_lost_wakeup::check(evidence, notes);
    w05_no_spurious_wakeup::check(evidence, notes);
    w06_other_services::check(evidence, notes);
    w07_time_out::check(evidence, notes);
    w08_nothing_from_the_future::check(evidence, notes);
    w09_at_least_one::check(evidence, notes);
    w10_last_state::check(evidence, notes);
    w11_outlives_instances::check(evidence, notes);
    w12_snapshot_wakes::check(evidence, notes);
    w13_gone_clients::check(evidence, notes);
    w14_passing_filter::check(evidence, notes);
}
