//! One line of JSON to one [`Event`]: what its fields mean together. Keys may stand in any order, except that `process`
//! stands before `value`.

use super::bodies::Bodies;
use super::cursor::{Cursor, Parsed};
use super::fields::{Fields, Process, Value};
use super::usual::usual_line;
use super::vocabulary::{F, Text, Type};
use crate::history::model::{Answer, CheckSpec, Fault, FaultOutcome, Mode, Operation, Row, Span, Time, View};
use crate::history::names::{Names, Symbol, Token};

/// A parsed line. Symbols, tokens, spans and check lists are those of its [`Batch`].
pub(super) struct Event {
    pub(super) index: u64,
    pub(super) time: u64,
    pub(super) process: u32,
    pub(super) op: u32,
    pub(super) node: Symbol,
    pub(super) key: Token,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Invoke(Operation),
    Ok(F, Answer),
    Fail(F, Symbol),
    Info(F, Symbol),
    /// The next one of `Batch::faults`.
    Fault,
}

/// The tables that the lines of one block fill.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    pub(super) rows: Vec<Row>,
    pub(super) specs: Vec<CheckSpec>,
    pub(super) symbols: Vec<Symbol>,
    pub(super) faults: Vec<Fault>,
}

/// How long the arenas of a batch are.
#[derive(Clone, Copy)]
pub(super) struct Arenas {
    rows: usize,
    specs: usize,
    symbols: usize,
}

impl Batch {
    pub(super) fn arenas(&self) -> Arenas {
        Arenas { rows: self.rows.len(), specs: self.specs.len(), symbols: self.symbols.len() }
    }

    /// Forgets what came into the arenas since they were so long.
    pub(super) fn cut(&mut self, to: Arenas) {
        self.rows.truncate(to.rows);
        self.specs.truncate(to.specs);
        self.symbols.truncate(to.symbols);
    }

    pub(super) fn clear_arenas(&mut self) {
        self.rows.clear();
        self.specs.clear();
        self.symbols.clear();
    }
}

/// Names of a whole worker; they outlive its batches.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) names: Names,
    /// The JSON texts of check lists in body rows: few distinct ones, so each is parsed once, when batches are joined.
    pub(super) check_lists: Names,
    /// The one that was met last.
    pub(super) last_list: Option<Symbol>,
    /// The one without any check, once it was met.
    pub(super) empty_list: Option<Symbol>,
}

/// Parses the line that `text` begins with into `batch`, whose `bodies` may be met again; its length, without the newline.
pub(super) fn parse_line<'l>(
    text: &'l [u8],
    tables: &mut Tables,
    batch: &mut Batch,
    bodies: &mut Bodies<'l>,
) -> Parsed<usize> {
    match usual_line(text, tables, batch, bodies) {
        Some(length) => Ok(length),
        None => parse_any_line(text, tables, batch),
    }
}

/// The same with all that JSON allows.
fn parse_any_line(text: &[u8], tables: &mut Tables, batch: &mut Batch) -> Parsed<usize> {
    let mut cursor = Cursor::new(text);
    let mut fields = Fields::default();
    fields.read(&mut cursor, tables, batch)?;
    cursor.end()?;
    let event = finish(fields, &cursor, tables, batch)?;
    batch.events.push(event);
    Ok(cursor.position())
}

/// `checks` has elements of one kind; which, depends on the line. `others` are those of the other kind.
fn only(others: Option<Span>, cursor: &Cursor<'_>, what: &'static str) -> Parsed<()> {
    if others.is_none_or(|others| others.len == 0) { Ok(()) } else { cursor.damage(what) }
}

const SPECS: &str = "`value.checks` to be objects with an `id` in this line";
const IDS: &str = "`value.checks` to be ids in this line";

fn need<T>(value: Option<T>, cursor: &Cursor<'_>, what: &'static str) -> Parsed<T> {
    value.map_or_else(|| cursor.damage(format!("{what} in this line")), Ok)
}

fn finish(fields: Fields<'_>, cursor: &Cursor<'_>, tables: &mut Tables, batch: &mut Batch) -> Parsed<Event> {
    let index = need(fields.index, cursor, "`index`")?;
    let time = need(fields.time, cursor, "`time`")?;
    let f = need(fields.f, cursor, "`f`")?;
    let kind = need(fields.kind, cursor, "`type`")?;
    let process = match need(fields.process, cursor, "`process`")? {
        Process::Client(process) => process,
        Process::Nemesis => {
            let fault = fault(&f.text(), time, fields.fault_value, fields.fault_outcome, cursor)?;
            batch.faults.push(fault);
            return Ok(Event { index, time, process: 0, op: 0, node: Symbol(0), key: Token::NONE, kind: Kind::Fault });
        }
    };
    let value = fields.value;
    let error = |names: &mut Names| value.error.unwrap_or_else(|| names.intern(b""));
    let Text::Word(kind, _) = kind else { return cursor.damage("`type` to be invoke, ok, fail or info") };
    let f = || match &f {
        Text::Word(f, _) => Ok(*f),
        Text::Other(_) => cursor.damage(format!("`f` to be an operation of the format, not {:?}", f.text())),
    };
    let kind = match kind {
        Type::Invoke => Kind::Invoke(operation(f()?, &value, cursor)?),
        Type::Ok => f().and_then(|f| Ok(Kind::Ok(f, answer(f, &value, cursor)?)))?,
        Type::Fail => Kind::Fail(f()?, error(&mut tables.names)),
        Type::Info => Kind::Info(f()?, error(&mut tables.names)),
    };
    let op = need(fields.op, cursor, "`x.op`")?;
    let node = need(fields.node, cursor, "`x.node`")?;
    Ok(Event { index, time, process, op, node, key: fields.key, kind })
}

fn fault(
    name: &str,
    time: u64,
    value: Option<&[u8]>,
    outcome: Option<FaultOutcome>,
    cursor: &Cursor<'_>,
) -> Parsed<Fault> {
    let value = match value.map(serde_json::from_slice) {
        None => serde_json::Value::Null,
        Some(Ok(value)) => value,
        Some(Err(_)) => return cursor.damage("valid JSON in the `value` of this fault"),
    };
    Ok(Fault { time: Time(time), line: 0, name: name.to_owned(), outcome, value })
}

fn operation(f: F, value: &Value, cursor: &Cursor<'_>) -> Parsed<Operation> {
    let ns = || need(value.ns, cursor, "`value.ns`");
    let service = || need(value.svc, cursor, "`value.svc`");
    let id = || need(value.id, cursor, "`value.id`");
    let mode = value.mode.unwrap_or(Mode::Default);
    match f {
        F::Register => only(value.list, cursor, SPECS)?,
        F::RenewMany => only(value.specs, cursor, IDS)?,
        _ => {}
    }
    Ok(match f {
        F::Register => Operation::Register {
            ns: ns()?,
            service: service()?,
            id: id()?,
            nonce: need(value.nonce, cursor, "`value.nonce`")?,
            checks: value.specs.unwrap_or_default(),
        },
        F::Deregister => Operation::Deregister { ns: ns()?, service: service()?, id: id()? },
        F::DeregisterId => Operation::DeregisterId { ns: ns()?, id: id()? },
        F::Report => Operation::Report {
            ns: ns()?,
            check: need(value.check, cursor, "`value.check`")?,
            status: need(value.status, cursor, "`value.status`")?,
        },
        F::RenewMany => Operation::RenewMany { ns: ns()?, checks: need(value.list, cursor, "`value.checks`")? },
        F::Read => Operation::Read { ns: ns()?, service: service()?, mode, floor: value.index },
        F::Poll => Operation::Poll {
            ns: ns()?,
            service: service()?,
            mode,
            passing: value.passing,
            wait_ms: need(value.wait_ms, cursor, "`value.wait_ms`")?,
            li: need(value.li, cursor, "`value.li`")?,
        },
        F::List => Operation::List { ns: ns()?, mode },
        F::Membership(change) => Operation::Membership { change, id: id()? },
    })
}

fn answer(f: F, value: &Value, cursor: &Cursor<'_>) -> Parsed<Answer> {
    let xi = || need(value.xi, cursor, "`value.xi`");
    let applied = || need(value.applied, cursor, "`value.applied`");
    let written = |checks: Option<Span>| -> Parsed<Answer> {
        Ok(Answer::Written { xi: xi()?, checks: checks.unwrap_or_default() })
    };
    let view = || -> Parsed<Answer> {
        Ok(Answer::View(View {
            xi: xi()?,
            applied: applied()?,
            body: need(value.body, cursor, "`value.body`")?,
            last_contact_ms: value.last_contact_ms,
        }))
    };
    Ok(match f {
        F::Register => {
            only(value.specs, cursor, IDS)?;
            written(value.list)?
        }
        F::Deregister => written(None)?,
        F::DeregisterId => written(None)?,
        F::Report => written(None)?,
        F::RenewMany => written(value.unknown)?,
        F::Read => view()?,
        F::Poll => view()?,
        F::List => {
            let names = need(value.services, cursor, "`value.services`")?;
            Answer::Services { xi: xi()?, applied: applied()?, names }
        }
        F::Membership(_) => Answer::Done,
    })
}
