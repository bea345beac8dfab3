//! One line of JSON to one [`Event`]. Keys may stand in any order, except that `process` stands before `value`.

use std::borrow::Cow;

use super::cursor::{Cursor, Damage, Parsed};
use crate::history::model::{
    Answer, CheckSpec, Fault, FaultOutcome, Membership, Mode, Operation, Row, Span, Status, Time, View,
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

/// Names of a whole worker; they outlive its batches.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) names: Names,
    /// The JSON texts of check lists in body rows: few distinct ones, so each is parsed once, when batches are joined.
    pub(super) check_lists: Names,
}

#[derive(Default)]
struct Fields<'a> {
    index: Option<u64>,
    time: Option<u64>,
    process: Option<Process>,
    kind: Option<Cow<'a, [u8]>>,
    f: Option<Cow<'a, [u8]>>,
    node: Option<Symbol>,
    op: Option<u32>,
    key: Token,
    fault_value: Option<&'a [u8]>,
    fault_outcome: Option<FaultOutcome>,
    value: Value,
}
enum Process {
    Client(u32),
    Nemesis,
}

/// All keys that a `value` may have, whatever `f` is.
#[derive(Default)]
struct Value {
    ns: Option<Symbol>,
    svc: Option<Symbol>,
    id: Option<Symbol>,
    nonce: Option<Token>,
    check: Option<Symbol>,
    status: Option<Status>,
    mode: Option<Mode>,
    error: Option<Symbol>,
    specs: Option<Span>,
    list: Option<Span>,
    unknown: Option<Span>,
    services: Option<Span>,
    body: Option<Span>,
    index: Option<u64>,
    xi: Option<u64>,
    applied: Option<u64>,
    li: Option<u64>,
    wait_ms: Option<u32>,
    last_contact_ms: Option<u32>,
    passing: bool,
    known_leader: bool,
}

pub(super) fn parse_line(line: &[u8], tables: &mut Tables, batch: &mut Batch) -> Parsed<()> {
    let mut cursor = Cursor::new(line);
    let mut fields = Fields::default();
    cursor.object(|cursor, key| top_member(cursor, key, &mut fields, tables, batch))?;
    cursor.end()?;
    let event = finish(fields, &cursor, tables, batch)?;
    batch.events.push(event);
    Ok(())
}

fn top_member<'a>(
    cursor: &mut Cursor<'a>,
    key: &[u8],
    fields: &mut Fields<'a>,
    tables: &mut Tables,
    batch: &mut Batch,
) -> Parsed<()> {
    match key {
        b"index" => fields.index = Some(cursor.number()?),
        b"time" => fields.time = Some(cursor.number()?),
        b"process" => fields.process = Some(process(cursor)?),
        b"type" => fields.kind = Some(cursor.string()?),
        b"f" => fields.f = Some(cursor.string()?),
        b"value" if matches!(fields.process, Some(Process::Nemesis)) => {
            cursor.peek();
            let start = cursor.position();
            cursor.skip_value()?;
            fields.fault_value = Some(cursor.since(start));
        }
        b"value" => value(cursor, &mut fields.value, tables, batch)?,
        b"x" => cursor.object(|cursor, key| {
            match key {
                b"node" => fields.node = Some(tables.names.intern(&cursor.string()?)),
                b"op" => fields.op = Some(cursor.number_u32()?),
                b"key" => fields.key = tables.names.token(&cursor.string()?),
                b"outcome" => fields.fault_outcome = Some(fault_outcome(cursor)?),
                _ => cursor.skip_value()?,
            }
            Ok(())
        })?,
        _ => cursor.skip_value()?,
    }
    Ok(())
}

fn process(cursor: &mut Cursor<'_>) -> Parsed<Process> {
    if cursor.peek() != Some(b'"') {
        return cursor.number_u32().map(Process::Client);
    }
    match cursor.string()?.as_ref() {
        b"nemesis" => Ok(Process::Nemesis),
        _ => cursor.damage("a process number or \"nemesis\" before here"),
    }
}

fn fault_outcome(cursor: &mut Cursor<'_>) -> Parsed<FaultOutcome> {
    match cursor.string()?.as_ref() {
        b"installed" => Ok(FaultOutcome::Installed),
        b"skipped" => Ok(FaultOutcome::Skipped),
        b"indeterminate" => Ok(FaultOutcome::Indeterminate),
        _ => cursor.damage("\"installed\", \"skipped\" or \"indeterminate\" before here"),
    }
}

fn value(cursor: &mut Cursor<'_>, value: &mut Value, tables: &mut Tables, batch: &mut Batch) -> Parsed<()> {
    cursor.object(|cursor, key| {
        let names = &mut tables.names;
        match key {
            b"ns" => value.ns = Some(names.intern(&cursor.string()?)),
            b"svc" => value.svc = Some(names.intern(&cursor.string()?)),
            b"id" => value.id = Some(names.intern(&cursor.string()?)),
            b"nonce" => value.nonce = Some(names.token(&cursor.string()?)),
            b"check" => value.check = Some(names.intern(&cursor.string()?)),
            b"error" => value.error = Some(names.intern(&cursor.string()?)),
            b"status" => value.status = Some(status(cursor)?),
            b"mode" => value.mode = Some(mode(cursor)?),
            b"index" => value.index = Some(cursor.number()?),
            b"xi" => value.xi = Some(cursor.number()?),
            b"applied" => value.applied = Some(cursor.number()?),
            b"li" => value.li = Some(cursor.number()?),
            b"wait_ms" => value.wait_ms = Some(cursor.number_u32()?),
            b"last_contact_ms" => value.last_contact_ms = Some(cursor.number_u32()?),
            b"passing" => value.passing = cursor.boolean()?,
            b"known_leader" => value.known_leader = cursor.boolean()?,
            b"checks" => checks(cursor, value, names, batch)?,
            b"unknown" => value.unknown = Some(strings(cursor, names, batch)?),
            b"services" => value.services = Some(services(cursor, names, batch)?),
            b"body" => value.body = Some(body(cursor, tables, batch)?),
            _ => cursor.skip_value()?,
        }
        Ok(())
    })
}

fn status(cursor: &mut Cursor<'_>) -> Parsed<Status> {
    let word = cursor.string()?;
    Status::parse(&word)
        .map_or_else(|| cursor.damage("a status before here: passing, warning, critical or unknown"), Ok)
}

fn mode(cursor: &mut Cursor<'_>) -> Parsed<Mode> {
    match cursor.string()?.as_ref() {
        b"default" => Ok(Mode::Default),
        b"consistent" => Ok(Mode::Consistent),
        b"stale" => Ok(Mode::Stale),
        _ => cursor.damage("a mode before here: default, consistent or stale"),
    }
}

fn span_from<T>(start: usize, table: &[T]) -> Span {
    Span { start: start as u32, len: (table.len() - start) as u32 }
}

/// `checks` is a list of objects in the call of a register, and a list of ids elsewhere.
fn checks(cursor: &mut Cursor<'_>, value: &mut Value, names: &mut Names, batch: &mut Batch) -> Parsed<()> {
    let (first_spec, first_symbol) = (batch.specs.len(), batch.symbols.len());
    cursor.array(|cursor| {
        if cursor.peek() == Some(b'{') {
            batch.specs.push(spec(cursor, names)?);
        } else {
            batch.symbols.push(names.intern(&cursor.string()?));
        }
        Ok(())
    })?;
    value.specs = Some(span_from(first_spec, &batch.specs));
    value.list = Some(span_from(first_symbol, &batch.symbols));
    Ok(())
}

fn spec(cursor: &mut Cursor<'_>, names: &mut Names) -> Parsed<CheckSpec> {
    let (mut id, mut ttl_ms, mut initial) = (None, None, None);
    cursor.object(|cursor, key| {
        match key {
            b"id" => id = Some(names.intern(&cursor.string()?)),
            b"ttl_ms" => ttl_ms = Some(cursor.number_u32()?),
            b"status" => initial = Some(status(cursor)?),
            _ => cursor.skip_value()?,
        }
        Ok(())
    })?;
    id.map_or_else(|| cursor.damage("an `id` in this check"), |id| Ok(CheckSpec { id, ttl_ms, status: initial }))
}

fn strings(cursor: &mut Cursor<'_>, names: &mut Names, batch: &mut Batch) -> Parsed<Span> {
    let start = batch.symbols.len();
    cursor.array(|cursor| {
        batch.symbols.push(names.intern(&cursor.string()?));
        Ok(())
    })?;
    Ok(span_from(start, &batch.symbols))
}

fn services(cursor: &mut Cursor<'_>, names: &mut Names, batch: &mut Batch) -> Parsed<Span> {
    let start = batch.symbols.len();
    cursor.object(|cursor, name| {
        batch.symbols.push(names.intern(name));
        cursor.skip_value()
    })?;
    Ok(span_from(start, &batch.symbols))
}

fn body(cursor: &mut Cursor<'_>, tables: &mut Tables, batch: &mut Batch) -> Parsed<Span> {
    let start = batch.rows.len();
    cursor.array(|cursor| {
        cursor.open()?;
        let id = tables.names.intern(&cursor.string()?);
        cursor.comma()?;
        let nonce = tables.names.token(&cursor.string()?);
        cursor.comma()?;
        let modify_index = cursor.number()?;
        cursor.comma()?;
        cursor.peek();
        let list = cursor.position();
        check_list(cursor, |_, _| ())?;
        let checks = crate::history::ChecksId(tables.check_lists.intern(cursor.since(list)).0);
        cursor.close()?;
        batch.rows.push(Row { id, checks, nonce, modify_index });
        Ok(())
    })?;
    Ok(span_from(start, &batch.rows))
}

/// The checks of a row: `[[check_id, status], ...]`.
pub(super) fn check_list(cursor: &mut Cursor<'_>, mut each: impl FnMut(&[u8], Status)) -> Parsed<()> {
    cursor.array(|cursor| {
        cursor.open()?;
        let id = cursor.string()?;
        cursor.comma()?;
        let status = status(cursor)?;
        each(&id, status);
        cursor.close()
    })
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
    let written = |checks: Option<Span>| Ok(Answer::Written { xi: xi()?, checks: checks.unwrap_or_default() });
    let view = || {
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
    Err(Damage {
        column: cursor.position(),
        expected: format!("`f` to be an operation of the format, not {:?}", String::from_utf8_lossy(f)).into(),
    })
}
