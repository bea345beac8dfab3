//! Exports: the same history for other people's checkers, so that nobody has to believe ours. EXPORTS.md has the formats
//! and the programs that read them.
//!
//! | room | what |
//! |---|---|
//! | `cells` | the history as reads and writes of registers, one an instance |
//! | `knossos` | EDN: a history per instance, for Knossos' `register` model |
//! | `porcupine` | JSON: a history per group of services, for porcupine |
//!
//! What is exported is what both can check: registrations, deregistrations, linearizable reads and polls. Stale reads,
//! statuses of checks, the service list and the indices are not.

mod cells;
mod knossos;
mod porcupine;

use std::io::{self, Write};

use crate::history::History;

/// A form of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// EDN, a map from instance to history.
    Knossos,
    /// JSON, a list of histories.
    Porcupine,
}

/// Writes `history` in `form`.
///
/// # Errors
/// Those of `out`.
pub fn write(history: &History, form: Form, out: &mut impl Write) -> io::Result<()> {
    let operations = cells::operations(history);
    match form {
        Form::Knossos => knossos::write(&operations, out),
        Form::Porcupine => porcupine::write(&operations, out),
    }
}
