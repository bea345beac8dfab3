//! Joins parsed batches, in order, into one history: renames symbols, pairs calls with answers, and checks the rules of
//! HISTORY.md that concern more than one line.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::Cursor;
use super::error::{HistoryError, Problem};
use super::fields::check_list;
use super::line::{Batch, Event, Kind};
use super::vocabulary::F;
use crate::history::model::{Answer, Call, CheckState, ChecksId, History, Operation, Outcome, Row, Span, Time};
use crate::history::names::{Names, Symbol, Token};

/// Process numbers index a table.
const PROCESS_MAX: u32 = 1 << 24;
/// Spans are 32 bits wide.
const ARENA_MAX: u32 = u32::MAX;

/// What a process is doing.
#[derive(Clone, Copy)]
enum Client {
    Idle,
    Open(u32),
    /// The call that was answered last.
    Answered(u32),
    Retired(u32),
}

/// From one worker's symbols to the history's.
#[derive(Default)]
pub(super) struct Renaming {
    symbols: Vec<Symbol>,
    check_lists: Vec<ChecksId>,
}

impl Renaming {
    fn symbol(&self, local: Symbol) -> Symbol {
        self.symbols[local.0 as usize]
    }

    fn token(&self, local: Token) -> Token {
        local.symbol().map_or(local, |symbol| Token::interned(self.symbol(symbol)))
    }
}

/// Names and check lists that a worker met for the first time.
pub(super) struct NewNames {
    pub(super) names: Vec<Box<[u8]>>,
    pub(super) check_lists: Vec<Box<[u8]>>,
}

#[derive(Default)]
pub(super) struct Assembler {
    history: History,
    clients: Vec<Client>,
    known_lists: BTreeMap<Vec<CheckState>, ChecksId>,
    ops_low: Vec<u64>,
    ops_high: BTreeSet<u32>,
}

impl Assembler {
    pub(super) fn line(&self) -> u32 {
        self.history.lines
    }

    pub(super) fn finish(mut self) -> Result<History, HistoryError> {
        if self.history.lines == 0 {
            return Err(HistoryError::Empty);
        }
        self.history.calls.shrink_to_fit();
        Ok(self.history)
    }

    pub(super) fn rename(&mut self, renaming: &mut Renaming, new: &NewNames) {
        for name in &new.names {
            renaming.symbols.push(self.history.names.intern(name));
        }
        for list in &new.check_lists {
            let parsed = parse_list(list, &mut self.history.names);
            let id = self.list_id(parsed);
            renaming.check_lists.push(id);
        }
    }

    fn list_id(&mut self, list: Vec<CheckState>) -> ChecksId {
        if let Some(&known) = self.known_lists.get(&list) {
            return known;
        }
        let start = self.history.check_states.len() as u32;
        self.history.check_states.extend_from_slice(&list);
        self.history.check_lists.push(Span { start, len: list.len() as u32 });
        let id = ChecksId(self.history.check_lists.len() as u32 - 1);
        self.known_lists.insert(list, id);
        id
    }

    /// Appends the events of `batch`, and gives it back empty.
    pub(super) fn append(&mut self, mut batch: Batch, renaming: &Renaming) -> Result<Batch, HistoryError> {
        let base = self.append_arenas(&batch, renaming)?;
        let mut faults = batch.faults.drain(..);
        for event in &batch.events {
            self.history.lines += 1;
            let line = self.history.lines;
            let fail = |problem| HistoryError::Line { line, problem };
            self.check_order(event).map_err(fail)?;
            if let Kind::Fault = event.kind {
                let mut fault = faults.next().expect("one entry per fault event");
                fault.line = line;
                self.history.faults.push(fault);
            } else {
                self.client_event(event, &base, renaming).map_err(fail)?;
            }
        }
        drop(faults);
        batch.events.clear();
        batch.clear_arenas();
        Ok(batch)
    }

    fn append_arenas(&mut self, batch: &Batch, renaming: &Renaming) -> Result<Base, HistoryError> {
        let history = &mut self.history;
        let base = Base {
            rows: history.rows.len() as u32,
            specs: history.specs.len() as u32,
            symbols: history.symbols.len() as u32,
        };
        if history.rows.len() + batch.rows.len() > ARENA_MAX as usize {
            let problem = Problem::TooMany { what: "body rows", max: ARENA_MAX };
            return Err(HistoryError::Line { line: history.lines + 1, problem });
        }
        history.rows.extend(batch.rows.iter().map(|row| Row {
            id: renaming.symbol(row.id),
            checks: renaming.check_lists[row.checks.0 as usize],
            nonce: renaming.token(row.nonce),
            modify_index: row.modify_index,
        }));
        history.specs.extend(batch.specs.iter().map(|spec| {
            let mut spec = *spec;
            spec.id = renaming.symbol(spec.id);
            spec
        }));
        history.symbols.extend(batch.symbols.iter().map(|&symbol| renaming.symbol(symbol)));
        Ok(base)
    }

    fn check_order(&mut self, event: &Event) -> Result<(), Problem> {
        let expected = u64::from(self.history.lines) - 1;
        if event.index != expected {
            return Err(Problem::IndexGap { expected, found: event.index });
        }
        let time = Time(event.time);
        if time < self.history.end {
            return Err(Problem::TimeBackwards { from: self.history.end.0, to: event.time });
        }
        self.history.end = time;
        Ok(())
    }

    fn client_event(&mut self, event: &Event, base: &Base, renaming: &Renaming) -> Result<(), Problem> {
        if event.process >= PROCESS_MAX {
            return Err(Problem::ProcessBound { process: event.process, max: PROCESS_MAX - 1 });
        }
        let slot = event.process as usize;
        if slot >= self.clients.len() {
            self.clients.resize(slot + 1, Client::Idle);
        }
        match &event.kind {
            Kind::Invoke(operation) => {
                let call = self.invoke(event, operation, renaming)?;
                rebase_operation(&mut call.operation, base, renaming);
                Ok(())
            }
            Kind::Ok(f, answer) => {
                let call = self.open_call(event, *f, renaming)?;
                call.outcome = Outcome::Ok(*answer);
                if let Outcome::Ok(answer) = &mut call.outcome {
                    rebase_answer(answer, base);
                }
                self.close(slot, Client::Answered)
            }
            Kind::Fail(f, error) => {
                self.open_call(event, *f, renaming)?.outcome = Outcome::Failed(renaming.symbol(*error));
                self.close(slot, Client::Answered)
            }
            Kind::Info(f, error) => {
                let call = self.open_call(event, *f, renaming)?;
                call.outcome = Outcome::Unknown(Some(renaming.symbol(*error)));
                call.returned = Time::NEVER;
                self.close(slot, Client::Retired)
            }
            Kind::Fault => Ok(()),
        }
    }

    /// The call that this event begins; its operation is as it is in the batch.
    fn invoke(&mut self, event: &Event, operation: &Operation, renaming: &Renaming) -> Result<&mut Call, Problem> {
        let process = event.process;
        let calls = &self.history.calls;
        match self.clients[process as usize] {
            Client::Idle | Client::Answered(_) => {}
            Client::Open(call) => return Err(Problem::Busy { process, open: calls[call as usize].line }),
            Client::Retired(call) => return Err(Problem::Retired { process, retired: calls[call as usize].end_line }),
        }
        if !self.first_use(event.op) {
            return Err(Problem::RepeatedOp { op: event.op });
        }
        self.clients[process as usize] = Client::Open(self.history.calls.len() as u32);
        self.history.calls.push(Call {
            operation: *operation,
            outcome: Outcome::Unknown(None),
            invoked: Time(event.time),
            returned: Time::NEVER,
            key: renaming.token(event.key),
            number: event.op,
            process,
            node: renaming.symbol(event.node),
            line: self.history.lines,
            end_line: 0,
        });
        Ok(self.history.calls.last_mut().expect("one was just added"))
    }

    /// Op numbers are small and dense in a recorder's file: a bit each; others go into a set.
    fn first_use(&mut self, op: u32) -> bool {
        let word = op as usize / 64;
        if word > self.history.calls.len() + 1024 {
            return self.ops_high.insert(op);
        }
        if word >= self.ops_low.len() {
            self.ops_low.resize(word * 2 + 1, 0);
        }
        let bit = 1_u64 << (op % 64);
        let fresh = self.ops_low[word] & bit == 0 && !self.ops_high.contains(&op);
        self.ops_low[word] |= bit;
        fresh
    }

    /// The call that this event answers, with its return stamped.
    fn open_call(&mut self, event: &Event, f: F, renaming: &Renaming) -> Result<&mut Call, Problem> {
        let process = event.process;
        let position = match self.clients[process as usize] {
            Client::Open(call) => call,
            Client::Idle => return Err(Problem::NoCall { process }),
            Client::Answered(call) | Client::Retired(call) => {
                let first = &self.history.calls[call as usize];
                if first.number == event.op {
                    return Err(Problem::SecondAnswer { process, op: event.op, first: first.end_line });
                }
                return Err(Problem::NoCall { process });
            }
        };
        let line = self.history.lines;
        let call = &mut self.history.calls[position as usize];
        if call.number != event.op {
            return Err(Problem::Mismatch { what: "`x.op`", open: call.line });
        }
        if call.node != renaming.symbol(event.node) {
            return Err(Problem::Mismatch { what: "`x.node`", open: call.line });
        }
        if !f.names(&call.operation) {
            return Err(Problem::Mismatch { what: "`f`", open: call.line });
        }
        call.returned = Time(event.time);
        call.end_line = line;
        Ok(call)
    }

    fn close(&mut self, slot: usize, state: fn(u32) -> Client) -> Result<(), Problem> {
        if let Client::Open(call) = self.clients[slot] {
            self.clients[slot] = state(call);
        }
        Ok(())
    }
}

/// Where a batch's tables begin in the history's.
struct Base {
    rows: u32,
    specs: u32,
    symbols: u32,
}

fn parse_list(text: &[u8], names: &mut Names) -> Vec<CheckState> {
    let mut list = Vec::new();
    check_list(&mut Cursor::new(text), |id, status| list.push(CheckState { id: names.intern(id), status }))
        .expect("the text was parsed once before it was stored");
    list
}

// What was copied is changed in its place: to make a new one and move that costs more than all else about it.

fn rebase_answer(answer: &mut Answer, base: &Base) {
    match answer {
        Answer::Written { checks, .. } => checks.start += base.symbols,
        Answer::View(view) => view.body.start += base.rows,
        Answer::Services { names, .. } => names.start += base.symbols,
        Answer::Done => {}
    }
}

fn rebase_operation(operation: &mut Operation, base: &Base, renaming: &Renaming) {
    let rename = |symbol: &mut Symbol| *symbol = renaming.symbol(*symbol);
    match operation {
        Operation::Register { ns, service, id, nonce, checks } => {
            [ns, service, id].into_iter().for_each(rename);
            *nonce = renaming.token(*nonce);
            checks.start += base.specs;
        }
        Operation::Deregister { ns, service, id } => [ns, service, id].into_iter().for_each(rename),
        Operation::DeregisterId { ns, id } => [ns, id].into_iter().for_each(rename),
        Operation::Report { ns, check, .. } => [ns, check].into_iter().for_each(rename),
        Operation::RenewMany { ns, checks } => {
            rename(ns);
            checks.start += base.symbols;
        }
        Operation::Read { ns, service, .. } | Operation::Poll { ns, service, .. } => {
            [ns, service].into_iter().for_each(rename);
        }
        Operation::List { ns, .. } => rename(ns),
        Operation::Membership { id, .. } => rename(id),
    }
}
