//! One line of JSON to one [`Event`]: what its fields mean together. Keys may stand in any order, except that `process`
//! stands before `value`.

use super::cursor::{Cursor, Parsed};
use super::fields::{Fields, Process, Value};
use crate::history::model::{
    Answer, CheckSpec, Fault, FaultOutcome, Membership, Mode, Operation, Row, Span, Time, View,
};
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
    Ok(&'static str, Answer),
    Fail(Symbol),
    Info(Symbol),
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

impl Batch {
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
}

/// Parses the line that `text` begins with into `batch`; its length, without the newline.
pub(super) fn parse_line(text: &[u8], tables: &mut Tables, batch: &mut Batch) -> Parsed<usize> {
    let mut cursor = Cursor::new(text);
    let mut fields = Fields::default();
    fields.read(&mut cursor, tables, batch)?;
    cursor.end()?;
    let event = finish(fields, &cursor, tables, batch)?;
    batch.events.push(event);
    Ok(cursor.position())
}

fn need<T>(value: Option<T>, cursor: &Cursor<'_>, what: &'static str) -> Parsed<T> {
    value.map_or_else(|| cursor.damage(format!("{what} in this line")), Ok)
}

fn finish(fields: Fields<'_>, cursor: &Cursor<'_>, tables: &mut Tables, batch: &mut Batch) -> Parsed<Event> {
    let index = need(fields.index, cursor, "`index`")?;
    let time = need(fields.time, cursor, "`time`")?;
    let f = need(fields.f.as_deref(), cursor, "`f`")?;
    let kind = need(fields.kind.as_deref(), cursor, "`type`")?;
    let process = match need(fields.process, cursor, "`process`")? {
        Process::Client(process) => process,
        Process::Nemesis => {
            let fault = fault(f, time, fields.fault_value, fields.fault_outcome, cursor)?;
            batch.faults.push(fault);
            return Ok(Event { index, time, process: 0, op: 0, node: Symbol(0), key: Token::NONE, kind: Kind::Fault });
        }
    };
    let value = fields.value;
    let error = |names: &mut Names| value.error.unwrap_or_else(|| names.intern(b""));
    let kind = match kind {
        b"invoke" => Kind::Invoke(operation(f, &value, cursor)?),
        b"ok" => answer(f, &value, cursor).map(|(word, answer)| Kind::Ok(word, answer))?,
        b"fail" => Kind::Fail(error(&mut tables.names)),
        b"info" => Kind::Info(error(&mut tables.names)),
        _ => return cursor.damage("`type` to be invoke, ok, fail or info"),
    };
    let op = need(fields.op, cursor, "`x.op`")?;
    let node = need(fields.node, cursor, "`x.node`")?;
    Ok(Event { index, time, process, op, node, key: fields.key, kind })
}

fn fault(
    f: &[u8],
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
    Ok(Fault { time: Time(time), line: 0, name: String::from_utf8_lossy(f).into_owned(), outcome, value })
}

fn operation(f: &[u8], value: &Value, cursor: &Cursor<'_>) -> Parsed<Operation> {
    let ns = || need(value.ns, cursor, "`value.ns`");
    let service = || need(value.svc, cursor, "`value.svc`");
    let id = || need(value.id, cursor, "`value.id`");
    let mode = value.mode.unwrap_or(Mode::Default);
    Ok(match f {
        b"register" => Operation::Register {
            ns: ns()?,
            service: service()?,
            id: id()?,
            nonce: need(value.nonce, cursor, "`value.nonce`")?,
            checks: value.specs.unwrap_or_default(),
        },
        b"deregister" => Operation::Deregister { ns: ns()?, service: service()?, id: id()? },
        b"deregister_id" => Operation::DeregisterId { ns: ns()?, id: id()? },
        b"report" => Operation::Report {
            ns: ns()?,
            check: need(value.check, cursor, "`value.check`")?,
            status: need(value.status, cursor, "`value.status`")?,
        },
        b"renew_many" => Operation::RenewMany { ns: ns()?, checks: need(value.list, cursor, "`value.checks`")? },
        b"read" => Operation::Read { ns: ns()?, service: service()?, mode, floor: value.index },
        b"poll" => Operation::Poll {
            ns: ns()?,
            service: service()?,
            mode,
            passing: value.passing,
            wait_ms: need(value.wait_ms, cursor, "`value.wait_ms`")?,
            li: need(value.li, cursor, "`value.li`")?,
        },
        b"list" => Operation::List { ns: ns()?, mode },
        b"join" => Operation::Membership { change: Membership::Join, id: id()? },
        b"remove" => Operation::Membership { change: Membership::Remove, id: id()? },
        b"transfer" => Operation::Membership { change: Membership::Transfer, id: id()? },
        other => return unknown_f(other, cursor),
    })
}

fn answer(f: &[u8], value: &Value, cursor: &Cursor<'_>) -> Parsed<(&'static str, Answer)> {
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
            known_leader: value.known_leader,
        }))
    };
    Ok(match f {
        b"register" => ("register", written(value.list)?),
        b"deregister" => ("deregister", written(None)?),
        b"deregister_id" => ("deregister_id", written(None)?),
        b"report" => ("report", written(None)?),
        b"renew_many" => ("renew_many", written(value.unknown)?),
        b"read" => ("read", view()?),
        b"poll" => ("poll", view()?),
        b"list" => {
            let names = need(value.services, cursor, "`value.services`")?;
            ("list", Answer::Services { xi: xi()?, applied: applied()?, names })
        }
        b"join" => ("join", Answer::Done),
        b"remove" => ("remove", Answer::Done),
        b"transfer" => ("transfer", Answer::Done),
        other => return unknown_f(other, cursor),
    })
}

fn unknown_f<T>(f: &[u8], cursor: &Cursor<'_>) -> Parsed<T> {
    cursor.damage(format!("`f` to be an operation of the format, not {:?}", String::from_utf8_lossy(f)))
}
