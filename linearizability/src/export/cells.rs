//! The history as operations on registers: one register (cell) for each instance that any call names. Its value is a
//! number for the nonce of the registration that stands there, or 0 if there is none.
//!
//! - `register` writes the number of its nonce, `deregister` writes 0, `deregister_id` writes 0 to every cell of that id;
//! - a linearizable read or unfiltered poll reads every cell of its service; a filtered poll those that it shows;
//! - a deregistration that failed with `unknown` reads 0;
//! - calls with one idempotency key are one logical write: from the first call to the last answer;
//! - a read without an answer says nothing, and neither does a write that failed otherwise: both are left out.

use std::collections::BTreeMap;

use crate::history::{Call, History, Operation, Outcome, Symbol, Token, View};

/// Number of a cell.
pub(super) type Cell = u32;

/// Cells with their values.
type Values = Vec<(Cell, u32)>;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CellOperation {
    pub process: u32,
    /// ns.
    pub call: u64,
    /// ns; `None`: the outcome is unknown.
    pub returned: Option<u64>,
    /// Line of the call.
    pub from: u32,
    /// Line of the answer; of no meaning without one.
    pub until: u32,
    /// What it saw: cell and value.
    pub reads: Values,
    /// What it wrote: cell and value.
    pub writes: Values,
}

/// The whole history.
#[derive(Clone, Debug, Default)]
pub(super) struct CellHistory {
    /// `namespace/service/instance` of each cell.
    pub names: Vec<String>,
    /// In the order of their calls.
    pub operations: Vec<CellOperation>,
}

struct Numbers<'h> {
    history: &'h History,
    cells: BTreeMap<(Symbol, Symbol, Symbol), Cell>,
    /// Cells by service, and by instance id in any service of a namespace.
    by_service: BTreeMap<(Symbol, Symbol), Vec<(Symbol, Cell)>>,
    by_id: BTreeMap<(Symbol, Symbol), Vec<Cell>>,
    names: Vec<String>,
    values: BTreeMap<Token, u32>,
}

impl<'h> Numbers<'h> {
    fn of(history: &'h History) -> Self {
        let mut numbers = Self {
            history,
            cells: BTreeMap::new(),
            by_service: BTreeMap::new(),
            by_id: BTreeMap::new(),
            names: Vec::new(),
            values: BTreeMap::new(),
        };
        for call in &history.calls {
            match call.operation {
                Operation::Register { ns, service, id, nonce, .. } => {
                    numbers.add(ns, service, id);
                    numbers.value(nonce);
                }
                Operation::Deregister { ns, service, id } => numbers.add(ns, service, id),
                Operation::Read { ns, service, .. } | Operation::Poll { ns, service, .. } => {
                    for row in call.view().map_or(&[][..], |view| history.rows(view.body)) {
                        numbers.add(ns, service, row.id);
                    }
                }
                _ => {}
            }
        }
        numbers
    }

    fn add(&mut self, ns: Symbol, service: Symbol, id: Symbol) {
        let next = self.names.len() as Cell;
        if *self.cells.entry((ns, service, id)).or_insert(next) != next {
            return;
        }
        let name = |symbol| self.history.name(symbol);
        self.names.push(format!("{}/{}/{}", name(ns), name(service), name(id)));
        self.by_service.entry((ns, service)).or_default().push((id, next));
        self.by_id.entry((ns, id)).or_default().push(next);
    }

    /// 1 and up, in the order of first occurrence.
    fn value(&mut self, nonce: Token) -> u32 {
        let next = self.values.len() as u32 + 1;
        *self.values.entry(nonce).or_insert(next)
    }
}

/// The operations of `history`.
pub(super) fn operations(history: &History) -> CellHistory {
    let mut numbers = Numbers::of(history);
    let mut operations: Vec<CellOperation> = Vec::new();
    let mut logical: BTreeMap<Token, usize> = BTreeMap::new();
    let mut firsts: BTreeMap<Token, &Call> = BTreeMap::new();
    let mut late_refusals = Vec::new();
    for call in &history.calls {
        let first = if call.key.is_none() { call } else { *firsts.entry(call.key).or_insert(call) };
        let Some(mut operation) = operation(&mut numbers, call) else { continue };
        if call.key.is_none() || operation.writes.is_empty() {
            if first.line < call.line {
                // A stored refusal may be older than the retry that it answers.
                (operation.call, operation.from) = (first.invoked.0, first.line);
                late_refusals.push(operations.len());
            }
            operations.push(operation);
            continue;
        }
        match logical.get(&call.key) {
            Some(first) if operation.returned.is_some() => {
                (operations[*first].returned, operations[*first].until) = (operation.returned, operation.until);
            }
            Some(_) => {}
            None => {
                logical.insert(call.key, operations.len());
                operations.push(operation);
            }
        }
    }
    separate_retries(history, &logical, &late_refusals, &mut operations);
    CellHistory { names: numbers.names, operations }
}

/// A logical write that was retried lasts longer than its client's call: it gets a client of its own.
fn separate_retries(
    history: &History,
    logical: &BTreeMap<Token, usize>,
    late_refusals: &[usize],
    operations: &mut [CellOperation],
) {
    let mut calls: BTreeMap<Token, u32> = BTreeMap::new();
    for call in history.calls.iter().filter(|call| logical.contains_key(&call.key)) {
        *calls.entry(call.key).or_default() += 1;
    }
    let mut fresh = history.calls.iter().map(|call| call.process).max().unwrap_or(0);
    for (key, at) in logical.iter().filter(|(key, _)| calls.get(key).is_some_and(|count| *count > 1)) {
        debug_assert!(!key.is_none(), "only keyed writes are joined");
        fresh += 1;
        operations[*at].process = fresh;
    }
    for at in late_refusals {
        fresh += 1;
        operations[*at].process = fresh;
    }
}

fn operation(numbers: &mut Numbers<'_>, call: &Call) -> Option<CellOperation> {
    let done = !matches!(call.outcome, Outcome::Unknown(_));
    let refused = matches!(call.outcome, Outcome::Failed(error) if numbers.history.name(error) == "unknown");
    if matches!(call.outcome, Outcome::Failed(_)) && !refused {
        return None;
    }
    let (reads, writes) = match call.operation {
        Operation::Register { .. } if refused => return None,
        Operation::Register { ns, service, id, nonce, .. } => {
            let value = numbers.value(nonce);
            (Vec::new(), vec![(numbers.cells[&(ns, service, id)], value)])
        }
        Operation::Deregister { ns, service, id } => split(refused, vec![(numbers.cells[&(ns, service, id)], 0)]),
        Operation::DeregisterId { ns, id } => {
            let cells = numbers.by_id.get(&(ns, id))?;
            split(refused, cells.iter().map(|cell| (*cell, 0)).collect())
        }
        Operation::Read { ns, service, mode, .. } if mode.is_linearizable() => {
            (seen(numbers, call.view()?, (ns, service), false), Vec::new())
        }
        Operation::Poll { ns, service, mode, passing, .. } if mode.is_linearizable() => {
            (seen(numbers, call.view()?, (ns, service), passing), Vec::new())
        }
        _ => return None,
    };
    if reads.is_empty() && writes.is_empty() {
        return None;
    }
    Some(CellOperation {
        process: call.process,
        call: call.invoked.0,
        returned: done.then_some(call.returned.0),
        from: call.line,
        until: call.end_line,
        reads,
        writes,
    })
}

/// A refused write of zeros is a look at zeros.
fn split(refused: bool, cells: Values) -> (Values, Values) {
    if refused { (cells, Vec::new()) } else { (Vec::new(), cells) }
}

fn seen(numbers: &mut Numbers<'_>, view: &View, (ns, service): (Symbol, Symbol), passing: bool) -> Values {
    let rows = numbers.history.rows(view.body);
    let cells = numbers.by_service.get(&(ns, service)).cloned().unwrap_or_default();
    let value =
        |numbers: &mut Numbers<'_>, id| rows.iter().find(|row| row.id == id).map(|row| numbers.value(row.nonce));
    let all = cells.into_iter().map(|(id, cell)| (cell, value(numbers, id)));
    all.filter_map(
        |(cell, value)| if passing { value.map(|value| (cell, value)) } else { Some((cell, value.unwrap_or(0))) },
    )
    .collect()
}
