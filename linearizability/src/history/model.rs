//! The typed history: calls with their intervals, answers and fault lines. Only what was recorded; no judgement.

use std::fmt;

use super::names::{Names, Symbol, Token};

/// Nanoseconds since the start of the run, on the recorder's monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// After everything: the return of a call that never returned.
    pub const NEVER: Self = Self(u64::MAX);

    /// `milliseconds` after the start of the run.
    pub const fn from_ms(milliseconds: u64) -> Self {
        Self(milliseconds * 1_000_000)
    }

    /// Whole milliseconds since the start of the run.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000_000
    }

    /// `nanoseconds` later.
    pub const fn plus(self, nanoseconds: u64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }

    /// Nanoseconds from `earlier` to here; 0 if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.pad("never");
        }
        f.pad(&format!("{}.{:06} s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000))
    }
}

/// A range in one of the history's arenas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// Status of a check, worst last in severity order `Passing < Warning < Unknown < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Passing,
    Warning,
    Unknown,
    Critical,
}

impl Status {
    /// The wire word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }

    /// The status that the wire word names.
    pub fn parse(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"passing" => Self::Passing,
            b"warning" => Self::Warning,
            b"unknown" => Self::Unknown,
            b"critical" => Self::Critical,
            _ => return None,
        })
    }
}

/// One check in the invocation of a `register`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckSpec {
    pub id: Symbol,
    /// Time to live in ms; `None`: not of type ttl.
    pub ttl_ms: Option<u32>,
    /// The status that the registration gives it, if it does.
    pub status: Option<Status>,
}

/// One check in a body row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckState {
    pub id: Symbol,
    pub status: Status,
}

/// A list of [`CheckState`], stored once however often it occurs: see [`History::row_checks`]. Equal lists have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChecksId(pub u32);

/// One instance in the body of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub id: Symbol,
    pub checks: ChecksId,
    pub nonce: Token,
    pub modify_index: u64,
}

/// How a read was to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Default,
    Consistent,
    Stale,
}

impl Mode {
    /// The wire word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Consistent => "consistent",
            Self::Stale => "stale",
        }
    }

    /// Whether the answer promises to be linearizable (every mode but `stale`).
    pub const fn is_linearizable(self) -> bool {
        !matches!(self, Self::Stale)
    }
}

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Register {
        ns: Symbol,
        service: Symbol,
        id: Symbol,
        nonce: Token,
        checks: Span,
    },
    Deregister {
        ns: Symbol,
        service: Symbol,
        id: Symbol,
    },
    /// Every instance with that id, in any service of the namespace, at one index.
    DeregisterId {
        ns: Symbol,
        id: Symbol,
    },
    Report {
        ns: Symbol,
        check: Symbol,
        status: Status,
    },
    RenewMany {
        ns: Symbol,
        checks: Span,
    },
    Read {
        ns: Symbol,
        service: Symbol,
        mode: Mode,
        floor: Option<u64>,
    },
    /// A blocking query: `li` is the index asked with, `passing` filters the body.
    Poll {
        ns: Symbol,
        service: Symbol,
        mode: Mode,
        passing: bool,
        wait_ms: u32,
        li: u64,
    },
    List {
        ns: Symbol,
        mode: Mode,
    },
    Membership {
        change: Membership,
        id: Symbol,
    },
}

/// A change of the cluster's membership or leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Join,
    Remove,
    Transfer,
}

impl Operation {
    /// The word of `f` in the history.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Deregister { .. } => "deregister",
            Self::DeregisterId { .. } => "deregister_id",
            Self::Report { .. } => "report",
            Self::RenewMany { .. } => "renew_many",
            Self::Read { .. } => "read",
            Self::Poll { .. } => "poll",
            Self::List { .. } => "list",
            Self::Membership { change: Membership::Join, .. } => "join",
            Self::Membership { change: Membership::Remove, .. } => "remove",
            Self::Membership { change: Membership::Transfer, .. } => "transfer",
        }
    }

    /// Whether it only looks.
    pub const fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Poll { .. } | Self::List { .. })
    }

    /// The mode of a read, poll or list.
    pub const fn mode(&self) -> Option<Mode> {
        match self {
            Self::Read { mode, .. } | Self::Poll { mode, .. } | Self::List { mode, .. } => Some(*mode),
            _ => None,
        }
    }
}

/// Answer of a read or a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The service index (`X-Index`).
    pub xi: u64,
    /// The Index of the state it was read from (`X-Applied-Index`).
    pub applied: u64,
    /// See [`History::rows`].
    pub body: Span,
    /// Only with mode `stale`.
    pub last_contact_ms: Option<u32>,
}

/// What a server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Of a write; `checks` is the list of check ids in the answer of a `register`, and of the checks that the server did
    /// not know in the answer of a `renew_many` (see [`History::symbols`]).
    Written {
        xi: u64,
        checks: Span,
    },
    View(View),
    /// Of a `list`: the names of the services (see [`History::symbols`]); tags are not recorded.
    Services {
        xi: u64,
        applied: u64,
        names: Span,
    },
    Done,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok(Answer),
    /// Provably nothing happened; the error.
    Failed(Symbol),
    /// It may have happened, or may happen later; the error, or `None` if the file ended first.
    Unknown(Option<Symbol>),
}

/// One call of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub operation: Operation,
    pub outcome: Outcome,
    pub invoked: Time,
    /// [`Time::NEVER`] if the outcome is unknown: the effect may come at any later time.
    pub returned: Time,
    /// Idempotency key of the logical write; [`Token::NONE`] if it had none.
    pub key: Token,
    /// `x.op`.
    pub number: u32,
    pub process: u32,
    pub node: Symbol,
    /// Line of the invocation, from 1.
    pub line: u32,
    /// Line of the answer (also of `info`), from 1; 0 if there is none.
    pub end_line: u32,
}

impl Call {
    /// The answer, if it was answered with ok.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Ok(answer) => Some(answer),
            _ => None,
        }
    }

    /// The view of a read or poll that was answered.
    pub fn view(&self) -> Option<&View> {
        match &self.outcome {
            Outcome::Ok(Answer::View(view)) => Some(view),
            _ => None,
        }
    }

    /// The Index claimed by the answer: a write's `xi`, a read's `applied`.
    pub fn claimed_index(&self) -> Option<u64> {
        match self.answer()? {
            Answer::Written { xi, .. } => Some(*xi),
            Answer::View(view) => Some(view.applied),
            Answer::Services { applied, .. } => Some(*applied),
            Answer::Done => None,
        }
    }

    /// Whether it may have happened or not.
    pub fn is_unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown(_))
    }
}

/// What became of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOutcome {
    Installed,
    Skipped,
    Indeterminate,
}

/// A line of the process `nemesis`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub time: Time,
    /// From 1.
    pub line: u32,
    /// `partition`, `heal`, `crash`, ..., `phase`.
    pub name: String,
    pub outcome: Option<FaultOutcome>,
    /// Its parameters, as recorded.
    pub value: serde_json::Value,
}

impl Fault {
    /// The servers that it names under `targets`.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.value
            .get("targets")
            .and_then(|list| list.as_array())
            .into_iter()
            .flatten()
            .filter_map(|node| node.as_str())
    }

    /// The directed links that it names under `links`.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        let links = self.value.get("links").and_then(|list| list.as_array()).into_iter().flatten();
        links.filter_map(|link| Some((link.get(0)?.as_str()?, link.get(1)?.as_str()?)))
    }

    /// The name of the phase that begins here, if this line marks one.
    pub fn phase(&self) -> Option<&str> {
        (self.name == "phase").then(|| self.value.get("name").and_then(|name| name.as_str())).flatten()
    }
}

/// A whole recorded history. `calls` stand in the order of their invocation lines.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub calls: Vec<Call>,
    pub faults: Vec<Fault>,
    /// Time of the last line.
    pub end: Time,
    /// Number of lines.
    pub lines: u32,
    pub names: Names,
    pub(crate) rows: Vec<Row>,
    pub(crate) specs: Vec<CheckSpec>,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) check_states: Vec<CheckState>,
    /// Per [`ChecksId`], its range in `check_states`.
    pub(crate) check_lists: Vec<Span>,
}

impl History {
    /// The text of a symbol.
    pub fn name(&self, symbol: Symbol) -> std::borrow::Cow<'_, str> {
        self.names.name(symbol)
    }

    /// The text of a token.
    pub fn token(&self, token: Token) -> String {
        self.names.token_text(token)
    }

    /// The rows of a body, in the server's order.
    pub fn rows(&self, body: Span) -> &[Row] {
        &self.rows[body.range()]
    }

    /// The checks of a row, in the server's order.
    pub fn row_checks(&self, checks: ChecksId) -> &[CheckState] {
        &self.check_states[self.check_lists[checks.0 as usize].range()]
    }

    /// The checks of a registration.
    pub fn specs(&self, checks: Span) -> &[CheckSpec] {
        &self.specs[checks.range()]
    }

    /// A list of names: checks of an answer, services of a list.
    pub fn symbols(&self, names: Span) -> &[Symbol] {
        &self.symbols[names.range()]
    }
}
