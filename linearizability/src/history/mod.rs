//! The recorded history: its types, its parser and the run directory around it.
//!
//! | room | what |
//! |---|---|
//! | [`model`](self) | calls, operations, answers, fault lines |
//! | `names` | interned strings |
//! | `parse` | JSONL to model, and everything that can be wrong with a file |
//! | `run` | the directory of a run: the history and the optional white-box records beside it |
//!
//! Knows the format of HISTORY.md and nothing of what a correct server does.

mod model;
mod names;
mod parse;
mod run;
mod words;

pub use model::{
    Answer, Call, CheckSpec, CheckState, ChecksId, Fault, FaultOutcome, History, Membership, Mode, Operation, Outcome,
    Row, Span, Status, Time, View,
};
pub use names::{Names, Symbol, Token};
pub use parse::{HistoryError, Problem, parse_history, read_history};
pub use run::{Applied, NodeRecord, Proposal, Role, RoleChange, Run, RunError, WatchSample, load_run};
