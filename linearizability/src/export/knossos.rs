//! EDN for Knossos: a map from the instance's name to its history, which the model `(register 0)` checks.

use std::io::{self, Write};

use serde_json::json;

use super::cells::{Cell, CellHistory};

/// One line of one register's history.
struct Event {
    time: u64,
    /// The line of the history. Lines break the ties of the clock: a client may call again in the moment of its answer.
    line: u32,
    process: u32,
    text: String,
}

pub(super) fn write(history: &CellHistory, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{{")?;
    for (cell, name) in history.names.iter().enumerate() {
        let events = events(history, cell as Cell);
        if events.is_empty() {
            continue;
        }
        // The escapes of a JSON string are those of EDN.
        writeln!(out, " {}", json!(name))?;
        write!(out, " [")?;
        for (at, event) in events.iter().enumerate() {
            let indent = if at == 0 { "" } else { "\n  " };
            write!(out, "{indent}{{:process {}, {}, :time {}, :index {at}}}", event.process, event.text, event.time)?;
        }
        writeln!(out, "]")?;
    }
    writeln!(out, "}}")
}

fn events(history: &CellHistory, cell: Cell) -> Vec<Event> {
    let mut events = Vec::new();
    let value = |cells: &[(Cell, u32)]| cells.iter().find(|(of, _)| *of == cell).map(|(_, value)| *value);
    for operation in &history.operations {
        let (f, asked, seen) = match (value(&operation.writes), value(&operation.reads)) {
            (Some(written), _) => (":write", written.to_string(), written),
            (None, Some(read)) => (":read", "nil".to_owned(), read),
            (None, None) => continue,
        };
        let process = operation.process;
        events.push(Event {
            time: operation.call,
            line: operation.from,
            process,
            text: format!(":type :invoke, :f {f}, :value {asked}"),
        });
        // An operation of unknown outcome stays open: a history that ends without its answer says so.
        if let Some(returned) = operation.returned {
            events.push(Event {
                time: returned,
                line: operation.until,
                process,
                text: format!(":type :ok, :f {f}, :value {seen}"),
            });
        }
    }
    events.sort_by_key(|event| event.line);
    events
}
