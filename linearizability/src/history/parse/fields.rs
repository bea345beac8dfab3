//! The fields of a line: each key with its value, whatever `type` and `f` say. Knows the words of the format, not what has to
//! stand together.

use super::cursor::{Cursor, Parsed};
use super::keys::Keys;
use super::line::{Batch, Tables};
use super::vocabulary::{F, FS, TYPES, Text, Type, text};
use crate::history::model::{CheckSpec, ChecksId, FaultOutcome, Mode, Row, Span, Status};
use crate::history::names::{Names, Symbol, Token};

#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) index: Option<u64>,
    pub(super) time: Option<u64>,
    pub(super) process: Option<Process>,
    pub(super) kind: Option<Text<'a, Type>>,
    pub(super) f: Option<Text<'a, F>>,
    pub(super) node: Option<Symbol>,
    pub(super) op: Option<u32>,
    pub(super) key: Token,
    pub(super) fault_value: Option<&'a [u8]>,
    pub(super) fault_outcome: Option<FaultOutcome>,
    pub(super) value: Value,
}

pub(super) enum Process {
    Client(u32),
    Nemesis,
}

/// All keys that a `value` may have, whatever `f` is.
#[derive(Default)]
pub(super) struct Value {
    pub(super) ns: Option<Symbol>,
    pub(super) svc: Option<Symbol>,
    pub(super) id: Option<Symbol>,
    pub(super) nonce: Option<Token>,
    pub(super) check: Option<Symbol>,
    pub(super) status: Option<Status>,
    pub(super) mode: Option<Mode>,
    pub(super) error: Option<Symbol>,
    pub(super) specs: Option<Span>,
    pub(super) list: Option<Span>,
    pub(super) unknown: Option<Span>,
    pub(super) services: Option<Span>,
    pub(super) body: Option<Span>,
    pub(super) index: Option<u64>,
    pub(super) xi: Option<u64>,
    pub(super) applied: Option<u64>,
    pub(super) li: Option<u64>,
    pub(super) wait_ms: Option<u32>,
    pub(super) last_contact_ms: Option<u32>,
    pub(super) passing: bool,
}

impl<'a> Fields<'a> {
    /// Reads the object that the line consists of. What it lists (rows, checks, names) goes into `batch`.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>, tables: &mut Tables, batch: &mut Batch) -> Parsed<()> {
        cursor.keyed(&TOP, |cursor, key| top_member(cursor, key, self, tables, batch))
    }
}

#[derive(Clone, Copy)]
enum Top {
    Index,
    Time,
    Process,
    Type,
    F,
    Value,
    X,
}

const TOP: Keys<Top, 7> = Keys::new([
    ("index", Top::Index),
    ("time", Top::Time),
    ("process", Top::Process),
    ("type", Top::Type),
    ("f", Top::F),
    ("value", Top::Value),
    ("x", Top::X),
]);

#[derive(Clone, Copy)]
enum Extra {
    Node,
    Op,
    Key,
    Outcome,
}

const EXTRA: Keys<Extra, 4> =
    Keys::new([("node", Extra::Node), ("op", Extra::Op), ("key", Extra::Key), ("outcome", Extra::Outcome)]);

#[inline]
fn symbol(cursor: &mut Cursor<'_>, names: &mut Names) -> Parsed<Symbol> {
    match cursor.short() {
        Some(short) => Ok(names.intern_short(short)),
        None => cursor.string().map(|text| names.intern(&text)),
    }
}

#[inline]
fn token(cursor: &mut Cursor<'_>, names: &mut Names) -> Parsed<Token> {
    match cursor.short() {
        Some(short) => Ok(Token::short(short)),
        None => cursor.string().map(|text| names.token(&text)),
    }
}

#[inline]
fn top_member<'a>(
    cursor: &mut Cursor<'a>,
    key: Top,
    fields: &mut Fields<'a>,
    tables: &mut Tables,
    batch: &mut Batch,
) -> Parsed<()> {
    match key {
        Top::Index => fields.index = Some(cursor.number()?),
        Top::Time => fields.time = Some(cursor.number()?),
        Top::Process => fields.process = Some(process(cursor)?),
        Top::Type => fields.kind = Some(text(cursor, &TYPES)?),
        Top::F => fields.f = Some(text(cursor, &FS)?),
        Top::Value if matches!(fields.process, Some(Process::Nemesis)) => {
            cursor.peek();
            let start = cursor.position();
            cursor.skip_value()?;
            fields.fault_value = Some(cursor.since(start));
        }
        Top::Value => value(cursor, &mut fields.value, tables, batch)?,
        Top::X => cursor.keyed(&EXTRA, |cursor, key| {
            match key {
                Extra::Node => fields.node = Some(symbol(cursor, &mut tables.names)?),
                Extra::Op => fields.op = Some(cursor.number_u32()?),
                Extra::Key => fields.key = token(cursor, &mut tables.names)?,
                Extra::Outcome => fields.fault_outcome = Some(fault_outcome(cursor)?),
            }
            Ok(())
        })?,
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

#[derive(Clone, Copy)]
enum Member {
    Applied,
    Body,
    Checks,
    Error,
    Id,
    Mode,
    Nonce,
    Ns,
    Svc,
    Xi,
    Check,
    Index,
    KnownLeader,
    LastContactMs,
    Li,
    Passing,
    Services,
    Status,
    Unknown,
    WaitMs,
}

/// The first ten, in alphabetical order, are those of nearly every line.
const MEMBERS: Keys<Member, 20> = Keys::new([
    ("applied", Member::Applied),
    ("body", Member::Body),
    ("checks", Member::Checks),
    ("error", Member::Error),
    ("id", Member::Id),
    ("mode", Member::Mode),
    ("nonce", Member::Nonce),
    ("ns", Member::Ns),
    ("svc", Member::Svc),
    ("xi", Member::Xi),
    ("check", Member::Check),
    ("index", Member::Index),
    ("known_leader", Member::KnownLeader),
    ("last_contact_ms", Member::LastContactMs),
    ("li", Member::Li),
    ("passing", Member::Passing),
    ("services", Member::Services),
    ("status", Member::Status),
    ("unknown", Member::Unknown),
    ("wait_ms", Member::WaitMs),
]);

fn value(cursor: &mut Cursor<'_>, value: &mut Value, tables: &mut Tables, batch: &mut Batch) -> Parsed<()> {
    cursor.keyed(&MEMBERS, |cursor, key| {
        let names = &mut tables.names;
        match key {
            Member::Ns => value.ns = Some(symbol(cursor, names)?),
            Member::Svc => value.svc = Some(symbol(cursor, names)?),
            Member::Id => value.id = Some(symbol(cursor, names)?),
            Member::Nonce => value.nonce = Some(token(cursor, names)?),
            Member::Check => value.check = Some(symbol(cursor, names)?),
            Member::Error => value.error = Some(symbol(cursor, names)?),
            Member::Status => value.status = Some(status(cursor)?),
            Member::Mode => value.mode = Some(mode(cursor)?),
            Member::Index => value.index = Some(cursor.number()?),
            Member::Xi => value.xi = Some(cursor.number()?),
            Member::Applied => value.applied = Some(cursor.number()?),
            Member::Li => value.li = Some(cursor.number()?),
            Member::WaitMs => value.wait_ms = Some(cursor.number_u32()?),
            Member::LastContactMs => value.last_contact_ms = Some(cursor.number_u32()?),
            Member::Passing => value.passing = cursor.boolean()?,
            // It has to be right, and nothing is judged by it.
            Member::KnownLeader => drop(cursor.boolean()?),
            Member::Checks => checks(cursor, value, names, batch)?,
            Member::Unknown => value.unknown = Some(strings(cursor, names, batch)?),
            Member::Services => value.services = Some(services(cursor, names, batch)?),
            Member::Body => value.body = Some(body(cursor, tables, batch)?),
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
            batch.symbols.push(symbol(cursor, names)?);
        }
        Ok(())
    })?;
    value.specs = Some(span_from(first_spec, &batch.specs));
    value.list = Some(span_from(first_symbol, &batch.symbols));
    Ok(())
}

#[derive(Clone, Copy)]
enum OfCheck {
    Id,
    TtlMs,
    Status,
}

const OF_CHECK: Keys<OfCheck, 3> =
    Keys::new([("id", OfCheck::Id), ("ttl_ms", OfCheck::TtlMs), ("status", OfCheck::Status)]);

fn spec(cursor: &mut Cursor<'_>, names: &mut Names) -> Parsed<CheckSpec> {
    let (mut id, mut ttl_ms, mut initial) = (None, None, None);
    cursor.keyed(&OF_CHECK, |cursor, key| {
        match key {
            OfCheck::Id => id = Some(symbol(cursor, names)?),
            OfCheck::TtlMs => ttl_ms = Some(cursor.number_u32()?),
            OfCheck::Status => initial = Some(status(cursor)?),
        }
        Ok(())
    })?;
    id.map_or_else(|| cursor.damage("an `id` in this check"), |id| Ok(CheckSpec { id, ttl_ms, status: initial }))
}

fn strings(cursor: &mut Cursor<'_>, names: &mut Names, batch: &mut Batch) -> Parsed<Span> {
    let start = batch.symbols.len();
    cursor.array(|cursor| {
        batch.symbols.push(symbol(cursor, names)?);
        Ok(())
    })?;
    Ok(span_from(start, &batch.symbols))
}

fn services(cursor: &mut Cursor<'_>, names: &mut Names, batch: &mut Batch) -> Parsed<Span> {
    let start = batch.symbols.len();
    // Servers list the names in order: then one look back tells that each is there once.
    let mut is_sorted = true;
    cursor.object(|cursor, name| {
        let service = names.intern(name);
        is_sorted &= batch.symbols[start..].last().is_none_or(|last| names.bytes(*last) < name);
        if !is_sorted && batch.symbols[start..].contains(&service) {
            return cursor.damage("each service once in `services`");
        }
        batch.symbols.push(service);
        cursor.skip_value()
    })?;
    Ok(span_from(start, &batch.symbols))
}

fn body(cursor: &mut Cursor<'_>, tables: &mut Tables, batch: &mut Batch) -> Parsed<Span> {
    let start = batch.rows.len();
    cursor.array(|cursor| {
        cursor.open()?;
        let id = symbol(cursor, &mut tables.names)?;
        cursor.comma()?;
        let nonce = token(cursor, &mut tables.names)?;
        cursor.comma()?;
        let modify_index = cursor.number()?;
        cursor.comma()?;
        cursor.peek();
        let checks = known_list(cursor, tables)?;
        cursor.close()?;
        batch.rows.push(Row { id, checks, nonce, modify_index });
        Ok(())
    })?;
    Ok(span_from(start, &batch.rows))
}

/// The number of a row's check list. Most rows repeat the text of the row before.
fn known_list(cursor: &mut Cursor<'_>, tables: &mut Tables) -> Parsed<ChecksId> {
    if let Some(last) = tables.last_list
        && cursor.same(tables.check_lists.bytes(last))
    {
        return Ok(ChecksId(last.0));
    }
    let start = cursor.position();
    check_list(cursor, |_, _| ())?;
    let list = tables.check_lists.intern(cursor.since(start));
    tables.last_list = Some(list);
    Ok(ChecksId(list.0))
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
