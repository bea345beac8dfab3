//! The history in the judge's format (`linearizability/HISTORY.md`): one line for each call's begin and end, one for each
//! fault. The order of the lines is the order in which things happened in the one thread that runs everything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Record;

/// A call that has begun.
#[derive(Debug)]
#[must_use = "a call that is never ended counts as unknown"]
pub struct Open {
    process: u64,
    op: u64,
    f: &'static str,
    node: String,
    /// How many clusters there had been before.
    cluster: usize,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Answered.
    Ok,
    /// Provably nothing happened.
    Fail,
    /// Unknown: the process retires.
    Info,
}

/// What came of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// It is in force.
    Installed,
    /// It could not be: nobody to strike, or the cluster would not have borne it.
    Skipped,
    /// It was tried and may be in force.
    Indeterminate,
}

impl Struck {
    /// The word in the history.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Skipped => "skipped",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// The lines so far, and what identifies the next.
#[derive(Debug, Default)]
pub struct History {
    /// `history.jsonl`.
    pub lines: String,
    /// `nemesis.jsonl`.
    pub nemesis: String,
    count: u64,
    ops: u64,
    processes: u64,
    nonces: u64,
    /// Calls that have begun and not ended, by server.
    open_polls: BTreeMap<String, u64>,
    /// Highest Index of an acknowledged write.
    pub acked_index: u64,
}

impl Record {
    /// A process id that nobody has had.
    #[must_use]
    pub fn new_process(&self) -> u64 {
        let history = &mut self.lock().history;
        history.processes += 1;
        history.processes - 1
    }

    /// A nonce that no register call has had.
    #[must_use]
    pub fn new_nonce(&self, process: u64) -> String {
        let history = &mut self.lock().history;
        history.nonces += 1;
        format!("{process}-{}", history.nonces)
    }

    /// Writes the line of a call that begins now.
    pub fn invoke(&self, process: u64, f: &'static str, value: &Value, node: &str, key: Option<&str>) -> Open {
        let time = self.clock.monotone_ns();
        let mut inner = self.lock();
        inner.history.ops += 1;
        let op = inner.history.ops;
        let x = match key {
            Some(key) => json!({"node": node, "op": op, "key": key}),
            None => json!({"node": node, "op": op}),
        };
        inner.line(time, &process.to_string(), ("invoke", f), value, &x);
        if f == "poll" {
            *inner.history.open_polls.entry(node.to_owned()).or_default() += 1;
        }
        Open { process, op, f, node: node.to_owned(), cluster: inner.past.len() }
    }

    /// Writes the line of a call that ends now.
    pub fn end(&self, open: &Open, end: End, value: &Value) {
        let time = self.clock.monotone_ns();
        let kind = match end {
            End::Ok => "ok",
            End::Fail => "fail",
            End::Info => "info",
        };
        let mut inner = self.lock();
        if open.cluster != inner.past.len() {
            // It ended after the history that it belongs to.
            return;
        }
        let x = json!({"node": open.node, "op": open.op});
        inner.line(time, &open.process.to_string(), (kind, open.f), value, &x);
        if open.f == "poll" {
            *inner.history.open_polls.entry(open.node.clone()).or_default() -= 1;
        }
        let is_write = !matches!(open.f, "read" | "poll" | "list");
        if is_write && end == End::Ok {
            let index = value.get("xi").and_then(Value::as_u64).unwrap_or(0);
            inner.history.acked_index = inner.history.acked_index.max(index);
        }
    }

    /// Writes a fault line, and the line that replays it if there is one.
    pub fn fault(&self, f: &str, value: &Value, outcome: Struck, replay: Option<&Value>) {
        let time = self.clock.monotone_ns();
        let step = self.clock.step_ns();
        let mut inner = self.lock();
        let x = json!({"outcome": outcome.as_str()});
        inner.line(time, "\"nemesis\"", ("info", f), value, &x);
        let replay = replay.unwrap_or(&Value::Null);
        let line = json!({"time": time, "step": step, "f": f, "value": value, "x": x, "action": replay});
        writeln!(inner.history.nemesis, "{line}").expect("writing to a string");
    }

    /// Marks that `phase` begins.
    pub fn phase(&self, name: &str) {
        let time = self.clock.monotone_ns();
        self.lock().line(
            time,
            "\"nemesis\"",
            ("info", "phase"),
            &json!({"name": name}),
            &json!({"outcome": "installed"}),
        );
    }
}

impl super::Inner {
    fn line(&mut self, time: u64, process: &str, (kind, f): (&str, &str), value: &Value, x: &Value) {
        let index = self.history.count;
        self.history.count += 1;
        let lines = &mut self.history.lines;
        let begin = lines.len();
        write!(lines, r#"{{"index":{index},"time":{time},"process":{process},"type":"{kind}","f":"{f}","value":"#)
            .expect("writing to a string");
        lines.push_str(&text(value));
        lines.push_str(r#","x":"#);
        lines.push_str(&text(x));
        lines.push('}');
        self.trace.line(time, "history", &lines[begin..]);
        lines.push('\n');
    }
}

/// Its `Display` would pass each token through the machinery of `fmt`.
fn text(value: &Value) -> String {
    serde_json::to_string(value).expect("a value has only keys that are text")
}

impl History {
    /// Begins a history for a new cluster; hands out that of the old one. Numbers of calls and processes go on.
    pub(super) fn new_cluster(&mut self) -> String {
        self.count = 0;
        self.acked_index = 0;
        self.open_polls.clear();
        std::mem::take(&mut self.lines)
    }

    /// Polls that clients hold open at `node` now.
    #[must_use]
    pub fn open_polls(&self, node: &str) -> u64 {
        self.open_polls.get(node).copied().unwrap_or(0)
    }
}
