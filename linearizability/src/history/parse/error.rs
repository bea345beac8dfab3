//! Everything that can be wrong with a history file. A file with an error gets no verdict.

use std::borrow::Cow;

/// Why a history cannot be read. Each message is whole: what caused it stands in it, once.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("cannot read {path}: {cause}")]
    Io { path: String, cause: std::io::Error },
    #[error("the history is empty: a run records at least one line")]
    Empty,
    #[error("line {line}: {problem}")]
    Line { line: u32, problem: Problem },
}

/// What is wrong with one line. Line numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("damaged at byte {column}: expected {expected}")]
    Damaged { column: usize, expected: Cow<'static, str> },
    #[error("the file ends in the middle of this line: it was cut off while it was written or copied")]
    CutOff,
    #[error("`index` is {found}, expected {expected}: lines are missing, repeated or out of order")]
    IndexGap { expected: u64, found: u64 },
    #[error("time goes back from {from} ns to {to} ns: the recorder has one monotonic clock")]
    TimeBackwards { from: u64, to: u64 },
    #[error("process {process} calls while its call of line {open} is open: a process has one call at a time")]
    Busy { process: u32, open: u32 },
    #[error("process {process} calls after its call ended with `info` on line {retired}: it has to retire")]
    Retired { process: u32, retired: u32 },
    #[error("a second answer to call {op} of process {process}; the first is on line {first}")]
    SecondAnswer { process: u32, op: u32, first: u32 },
    #[error("process {process} gets an answer but has no open call")]
    NoCall { process: u32 },
    #[error("the answer's {what} differs from that of its call on line {open}")]
    Mismatch { what: &'static str, open: u32 },
    #[error("`x.op` {op} was used before: every call has its own number")]
    RepeatedOp { op: u32 },
    #[error("process number {process} is too high: the bound is {max}")]
    ProcessBound { process: u32, max: u32 },
    #[error("more than {max} {what} in one history")]
    TooMany { what: &'static str, max: u32 },
}
