//! TTL timing: TTL-1 to TTL-6 and TTL-8, from the clients' calls and answers, the fault lines and, for what no client
//! can see (TTL-4, TTL-6), the servers' own records.
//!
//! | room | what |
//! |---|---|
//! | `ends` | when the last of some calls was over |
//! | `lives` | the history by ttl check: renewals, what else may have touched it, where it was seen |
//! | `never_early` | TTL-1, TTL-8 |
//! | `always` | TTL-2 |
//! | `no_flap` | TTL-3 |
//! | `first_pass` | TTL-5 |
//! | `leaders` | TTL-4, TTL-6 |
//!
//! A renewal is an acknowledged passing report. The lease runs from the moment its client *called*: the server cannot
//! have received it earlier. Clocks: a duration that a server measured is divided by the fastest rate, or by the slowest,
//! that any `clock` line set; a step of a clock (`offset`) allows nothing.

mod always;
mod ends;
mod first_pass;
mod leaders;
mod lives;
mod never_early;
mod no_flap;

use crate::reads::{Evidence, Notes};

/// All properties of TTL checks.
pub(crate) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let lives = lives::read(evidence);
    for life in &lives {
        never_early::check(evidence, life, notes);
        always::check(evidence, life, notes);
        no_flap::check(evidence, life, notes);
        first_pass::check(evidence, life, notes);
    }
    leaders::check(evidence, &lives, notes);
}
