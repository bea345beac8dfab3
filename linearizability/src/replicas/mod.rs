//! The servers: the faults that hit them, what became of acknowledged writes, and what their own records prove about logs,
//! state hashes, roles and disks.
//!
//! | room | what |
//! |---|---|
//! | `faults` | which fault was active when |
//! | `health` | when the cluster was whole |
//! | `logs` | REP-1 to REP-3 |
//! | `members` | MEM-1, MEM-3 |
//! | `durability` | DUR-1 to DUR-3 |
//! | `disks` | DUR-4, DUR-5 |
//! | `settled` | LIVE-1 to LIVE-3 |
//!
//! Not judged, because neither clients nor these records can show it: MEM-2, MEM-4, MEM-5, LIVE-4.

mod disks;
mod durability;
mod faults;
mod health;
mod logs;
mod members;
mod settled;

pub(crate) use faults::{ActiveFault, Faults};
pub(crate) use health::Health;

use crate::reads::{Evidence, Notes};

/// All properties of servers and of acknowledged writes.
pub(crate) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    logs::check(evidence, notes);
    members::check(evidence, notes);
    durability::check(evidence, notes);
    disks::check(evidence, notes);
    settled::check(evidence, notes);
}
