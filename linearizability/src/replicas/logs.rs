//! REP-1 to REP-3, from the servers' records of what they applied (`applied.jsonl`).
//!
//! REP-1: two lines of different servers with one log position have equal state hashes and equal Indices.
//! REP-3: the same where one of them is an installed snapshot, or both are of one server in different incarnations: what
//! was restored equals what was replayed.
//! REP-2, Raft's own: equal log positions have equal terms (log matching, state machine safety); in one incarnation each
//! position follows the one before, an install moves forward, terms never decrease, and the Index rises by at most one
//! an entry, not at all for `noop` and `membership`.

use std::collections::BTreeMap;

use crate::history::{Applied, NodeRecord};
use crate::reads::{Evidence, Notes};
use crate::verdict::{Evidence as Proof, Property};

/// A line of a record.
#[derive(Clone, Copy)]
struct Line<'r> {
    node: &'r str,
    number: u32,
    applied: &'r Applied,
}

impl Line<'_> {
    fn proof(&self) -> Proof {
        Proof::Record { file: format!("nodes/{}/applied.jsonl", self.node), line: self.number }
    }

    fn is_install(&self) -> bool {
        self.applied.kind == "install"
    }
}

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let mut first: BTreeMap<u64, Line<'_>> = BTreeMap::new();
    for record in evidence.nodes {
        for line in lines(record) {
            match first.get(&line.applied.log) {
                Some(other) => same_position(*other, line, notes),
                None => {
                    first.insert(line.applied.log, line);
                }
            }
        }
        for pair in lines(record).collect::<Vec<_>>().windows(2) {
            if pair[0].applied.incarnation == pair[1].applied.incarnation {
                follows(pair[0], pair[1], notes);
            }
        }
    }
}

fn lines(record: &NodeRecord) -> impl Iterator<Item = Line<'_>> {
    record.applied.iter().enumerate().map(|(at, applied)| Line { node: &record.node, number: at as u32 + 1, applied })
}

/// Whether a restored state is compared with a replayed one.
fn is_restored(a: Line<'_>, b: Line<'_>) -> bool {
    a.is_install() || b.is_install() || a.node == b.node
}

fn same_position(a: Line<'_>, b: Line<'_>, notes: &mut Notes<'_>) {
    let property = if is_restored(a, b) { Property::Rep3 } else { Property::Rep1 };
    notes.judged(property, 1);
    let place = || {
        format!(
            "{} (incarnation {}) and {} (incarnation {}) at log position {}",
            a.node, a.applied.incarnation, b.node, b.applied.incarnation, a.applied.log
        )
    };
    if (&a.applied.hash, a.applied.xi) != (&b.applied.hash, b.applied.xi) {
        notes.breach_with(
            property,
            || vec![a.proof(), b.proof()],
            || {
                let states = format!(
                    "State hash {} with Index {}, and {} with Index {}.",
                    a.applied.hash, a.applied.xi, b.applied.hash, b.applied.xi
                );
                (
                    format!("two states: {}", place()),
                    vec![states, "The state is a pure function of the log.".to_owned()],
                )
            },
        );
    }
    notes.judged(Property::Rep2, 1);
    if a.applied.term != b.applied.term && !is_restored(a, b) {
        notes.breach_with(
            Property::Rep2,
            || vec![a.proof(), b.proof()],
            || {
                (
                    format!("two entries: {}", place()),
                    vec![format!(
                        "Terms {} and {}: committed entries of one position are one entry.",
                        a.applied.term, b.applied.term
                    )],
                )
            },
        );
    }
}

fn follows(a: Line<'_>, b: Line<'_>, notes: &mut Notes<'_>) {
    notes.judged(Property::Rep2, 1);
    let wrong = if b.is_install() {
        (b.applied.log < a.applied.log).then_some("an installed snapshot went back")
    } else if a.applied.log.checked_add(1) != Some(b.applied.log) {
        Some("an entry was skipped or applied twice")
    } else if b.applied.term < a.applied.term {
        Some("the term went back")
    } else if b.applied.xi < a.applied.xi || b.applied.xi - a.applied.xi > 1 {
        Some("the Index went back or rose by more than one in one entry")
    } else if matches!(b.applied.kind.as_str(), "noop" | "membership") && b.applied.xi != a.applied.xi {
        Some("the Index rose at an entry that changes nothing a reader can see")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        notes.breach_with(
            Property::Rep2,
            || vec![a.proof(), b.proof()],
            || {
                let step = format!(
                    "From log {}, term {}, Index {} to log {}, term {}, Index {} ({}).",
                    a.applied.log,
                    a.applied.term,
                    a.applied.xi,
                    b.applied.log,
                    b.applied.term,
                    b.applied.xi,
                    b.applied.kind
                );
                (format!("{}: {wrong}", a.node), vec![step])
            },
        );
    }
}
