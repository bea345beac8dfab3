//! The history as a list of steps over numbered cells: what has to be put into an order. Logical writes are joined by
//! their idempotency key here, stale reads and membership changes are left out.
//!
//! A step's interval is in lines of the file: file order is real-time order, and lines break the ties of the clock.

mod build;
mod content;
mod keys;

pub(crate) use content::{Content, Shown, code, explain_hidden};

use crate::history::{Call, CheckState, ChecksId, History, Operation, Row, Status, Symbol, Token};
use crate::lookup::Lookup;

/// Whether a step has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It was accepted: it happened once.
    Accepted,
    /// The server said that the thing did not exist: an observation.
    Rejected,
    /// Its outcome is unknown: it happened once, or never.
    Optional,
}

/// One operation to be placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Position in `History::calls`.
    pub(crate) call: u32,
    /// Line of the invocation.
    pub(crate) from: u32,
    /// Line of the answer; `u32::MAX` without one.
    pub(crate) until: u32,
    pub(crate) need: Need,
    pub(crate) act: Act,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Position in `Script::registrations`.
    Register(u32),
    /// A cell.
    Deregister(u32),
    /// Position in `Script::groups`: the cells of one instance id in one namespace.
    DeregisterId(u32),
    /// Position in `Script::checks`.
    Report(u32, Status),
    /// Position in `Script::renewals`.
    RenewMany(u32),
    /// A service.
    Read(u32),
    /// Position in `Script::namespaces`.
    List(u32),
}

impl Act {
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Read(_) | Self::List(_))
    }
}

/// A `register` call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    pub(crate) cell: u32,
    /// The content of a cell that was empty before.
    pub(crate) fresh: Content,
}

/// An instance that some call names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) service: u32,
    pub(crate) id: Symbol,
}

/// A service that some call names.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) ns: u32,
    pub(crate) name: Symbol,
    pub(crate) cells: Vec<u32>,
}

/// A check id in a namespace, with the cells that may hold it.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) id: Symbol,
    pub(crate) holders: Vec<u32>,
}

/// The parts of a `renew_many`.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    /// Positions in `Script::checks`, and whether the server knew the check.
    pub(crate) checks: Vec<(u32, bool)>,
}

/// The sorted statuses of a check list: see [`ChecksId`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub(crate) shape: u32,
    pub(crate) statuses: u64,
}

/// The steps of a history, and the tables they point into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// In the order of `from`.
    pub(crate) steps: Vec<Step>,
    /// Per step: the Index that its answer claims, or [`NO_CLAIM`]. Beside the steps, since the witness sorts by it: the calls
    /// themselves are fifteen times as wide.
    pub(crate) claims: Vec<u64>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) services: Vec<Service>,
    pub(crate) namespaces: Vec<Vec<u32>>,
    pub(crate) groups: Vec<Vec<u32>>,
    pub(crate) checks: Vec<Check>,
    pub(crate) renewals: Vec<Renewal>,
    pub(crate) shapes: Vec<Vec<Symbol>>,
    /// Per [`ChecksId`].
    pub(crate) packed: Vec<Packed>,
    /// Calls that share an idempotency key with an earlier call: (this call, the first call).
    pub(crate) retries: Vec<(u32, u32)>,
    /// Whether any registration brings checks.
    pub(crate) has_checks: bool,
    cell_numbers: Lookup<u64, u32>,
}

/// A history that the packed form cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooWide {
    #[error("an instance has more than {} checks, which the judge cannot pack", content::CHECKS_MAX)]
    Checks,
}

/// A step whose answer claims no Index. An Index that high is taken as one below.
pub(crate) const NO_CLAIM: u64 = u64::MAX;

impl Script {
    /// The cell of instance `id` in `service`, if a call names it.
    pub(crate) fn cell(&self, service: u32, id: Symbol) -> Option<u32> {
        self.cell_numbers.get(&(u64::from(service) << 32 | u64::from(id.0))).copied()
    }

    /// What a row shows.
    pub(crate) fn shown(&self, row: &Row) -> Shown {
        let packed = self.packed[row.checks.0 as usize];
        Shown { nonce: row.nonce, statuses: packed.statuses, shape: packed.shape }
    }

    /// The content of a cell after `registration`.
    pub(crate) fn register(&self, old: &Content, registration: &Registration) -> Content {
        let mut new = registration.fresh;
        if !old.is_present() {
            return new;
        }
        if old.shape == new.shape && old.ttl == new.ttl {
            new.statuses = old.statuses;
            return new;
        }
        let before = &self.shapes[old.shape as usize];
        for (position, id) in self.shapes[new.shape as usize].iter().enumerate() {
            let Ok(held) = before.binary_search(id) else { continue };
            if old.ttl >> held & 1 == new.ttl >> position & 1 {
                new.statuses = new.statuses & !(3 << (2 * position)) | old.status(held as u32) << (2 * position);
            }
        }
        new
    }

    /// The content of a cell after a report; `None` if it does not hold the check.
    pub(crate) fn report(&self, old: &Content, check: u32, status: Status) -> Option<Content> {
        if !old.is_present() {
            return None;
        }
        let position = self.shapes[old.shape as usize].binary_search(&self.checks[check as usize].id).ok()?;
        Some(old.with_status(position as u32, status))
    }

    /// Whether the read is filtered for passing instances.
    pub(crate) fn is_filtered(call: &Call) -> bool {
        matches!(call.operation, Operation::Poll { passing: true, .. })
    }
}

/// The token and checks of a registration, for messages.
pub(crate) fn describe_checks(history: &History, checks: &[CheckState]) -> String {
    let each = checks.iter().map(|check| format!("{} {}", history.name(check.id), check.status.word()));
    each.collect::<Vec<_>>().join(", ")
}

/// Nonce and checks of a row, for messages.
pub(crate) fn describe_row(history: &History, nonce: Token, checks: ChecksId) -> String {
    let checks = describe_checks(history, history.row_checks(checks));
    if checks.is_empty() { history.token(nonce) } else { format!("{} ({checks})", history.token(nonce)) }
}
