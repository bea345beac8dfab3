//! JSON for porcupine: one entry for each group of cells that operations join, with its operations in the fields of
//! `porcupine.Operation`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::cells::{Cell, CellHistory, CellOperation};

pub(super) fn write(history: &CellHistory, out: &mut impl Write) -> io::Result<()> {
    let group_of = groups(history);
    let mut members: BTreeMap<Cell, Vec<Cell>> = BTreeMap::new();
    for (cell, group) in group_of.iter().enumerate() {
        members.entry(*group).or_default().push(cell as Cell);
    }
    let mut operations: BTreeMap<Cell, Vec<&CellOperation>> = BTreeMap::new();
    for operation in &history.operations {
        if let Some((cell, _)) = operation.reads.first().or(operation.writes.first()) {
            operations.entry(group_of[*cell as usize]).or_default().push(operation);
        }
    }
    writeln!(out, "[")?;
    for (at, (group, cells)) in members.iter().enumerate() {
        let comma = if at == 0 { "" } else { ",\n" };
        let names: Vec<&str> = cells.iter().map(|cell| history.names[*cell as usize].as_str()).collect();
        write!(out, "{comma}{{\"Cells\":{},\"Operations\":[", json!(names))?;
        for (number, operation) in operations.get(group).into_iter().flatten().enumerate() {
            let comma = if number == 0 { "\n" } else { ",\n" };
            write!(out, "{comma}{}", entry(operation, cells))?;
        }
        write!(out, "]}}")?;
    }
    writeln!(out, "\n]")
}

/// Cells are numbered within their group.
fn entry(operation: &CellOperation, cells: &[Cell]) -> Value {
    let local = |pairs: &[(Cell, u32)]| {
        pairs
            .iter()
            .map(|(cell, value)| {
                [cells.binary_search(cell).expect("an operation's cells are of one group") as u32, *value]
            })
            .collect::<Vec<_>>()
    };
    json!({
        "ClientId": operation.process,
        "Input": {"Writes": local(&operation.writes)},
        "Output": {"Reads": local(&operation.reads)},
        "Call": operation.call,
        // porcupine's own way to say "unknown": it may come at any later time.
        "Return": operation.returned.unwrap_or(i64::MAX as u64),
    })
}

/// The group of each cell: the smallest cell that a chain of operations joins it with.
fn groups(history: &CellHistory) -> Vec<Cell> {
    let mut parent: Vec<Cell> = (0..history.names.len() as Cell).collect();
    fn root(parent: &mut [Cell], mut cell: Cell) -> Cell {
        while parent[cell as usize] != cell {
            parent[cell as usize] = parent[parent[cell as usize] as usize];
            cell = parent[cell as usize];
        }
        cell
    }
    for operation in &history.operations {
        let mut cells = operation.reads.iter().chain(&operation.writes).map(|(cell, _)| *cell);
        let Some(first) = cells.next() else { continue };
        for cell in cells {
            let (a, b) = (root(&mut parent, first), root(&mut parent, cell));
            let (low, high) = (a.min(b), a.max(b));
            parent[high as usize] = low;
        }
    }
    (0..parent.len() as Cell).map(|cell| root(&mut parent, cell)).collect()
}
