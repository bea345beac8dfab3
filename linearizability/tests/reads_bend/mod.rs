//! Bends generated histories so that they break one promise: what the corruptors share. Each test file uses its part.
#![allow(dead_code)]

use linearizability::Options;
use linearizability::generate::{Kind, Line, Mix, Plan, Recording};
use linearizability::history::{NodeRecord, Run};
use linearizability::passes::{Context, answers};
use linearizability::verdict::{Findings, Report};
use serde_json::Value;

/// What the passes over answers say about a recording.
pub fn report(recording: &Recording, nodes: Vec<NodeRecord>) -> Report {
    let history = recording.to_history().expect("a bent history is still well formed");
    let run = Run { history, nodes };
    let mut findings = Findings::default();
    answers(&Context { run: &run, options: &Options::default() }, &mut findings);
    findings.into_report(run.history.calls.len(), &[])
}

/// Ids of the properties that a recording violates.
pub fn violated(recording: &Recording, nodes: Vec<NodeRecord>) -> Vec<&'static str> {
    let mut ids: Vec<_> = report(recording, nodes).violations.iter().map(|violation| violation.property.id()).collect();
    ids.dedup();
    ids
}

/// A history that is long in (virtual) time, with what the passes over polls and TTLs need: waits of seconds, checks that
/// expire, renewals in time.
pub fn plan(seed: u64) -> Plan {
    Plan {
        operations: 140,
        clients: 5,
        services: 2,
        slots: 2,
        nodes: 2,
        checks: 1,
        mix: Mix {
            register: 16,
            deregister: 8,
            report: 22,
            renew_many: 4,
            read: 24,
            stale: 12,
            poll: 14,
            ..Mix::default()
        },
        latency_us: 2_000,
        timeout_us: 2_000_000,
        ttl_ms: 1_500,
        think_us: 250_000,
        final_reads: true,
        ..Plan::small(seed)
    }
}

/// A history in which checks are left alone for longer than they live.
pub fn quiet(seed: u64) -> Plan {
    let mix = Mix { register: 6, deregister: 1, report: 5, read: 24, poll: 24, ..Mix::default() };
    Plan { mix, think_us: 700_000, timeout_us: 4_000_000, ..plan(seed) }
}

pub const MS: u64 = 1_000_000;

/// One call: its two lines.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub invoke: usize,
    /// `None`: never answered.
    pub end: Option<usize>,
}

/// A recording with its calls.
pub struct Bent {
    pub recording: Recording,
    pub calls: Vec<Pair>,
}

impl Bent {
    pub fn of(recording: Recording) -> Self {
        let mut ends = std::collections::BTreeMap::new();
        for (at, line) in recording.lines.iter().enumerate() {
            if line.process.is_some() && line.kind != Kind::Invoke {
                ends.insert(line.op, at);
            }
        }
        let invokes =
            recording.lines.iter().enumerate().filter(|(_, line)| line.process.is_some() && line.kind == Kind::Invoke);
        let calls = invokes.map(|(invoke, line)| Pair { invoke, end: ends.get(&line.op).copied() }).collect();
        Self { recording, calls }
    }

    pub fn asked(&self, call: Pair) -> &Line {
        &self.recording.lines[call.invoke]
    }

    /// The answer of a call that was answered with ok.
    pub fn answer(&self, call: Pair) -> Option<&Line> {
        call.end.map(|end| &self.recording.lines[end]).filter(|line| line.kind == Kind::Ok)
    }

    /// `xi`, `applied` or another number of the answer.
    pub fn number(&self, call: Pair, key: &str) -> Option<u64> {
        self.answer(call)?.value[key].as_u64()
    }

    pub fn set(&mut self, call: Pair, key: &str, value: impl Into<Value>) {
        let end = call.end.expect("an answered call");
        self.recording.lines[end].value[key] = value.into();
    }

    /// Calls with one of some names that were answered with ok.
    pub fn answered(&self, names: &[&str]) -> Vec<Pair> {
        self.calls
            .iter()
            .copied()
            .filter(|call| names.contains(&self.asked(*call).f.as_str()) && self.answer(*call).is_some())
            .collect()
    }

    /// Answered reads and polls.
    pub fn views(&self) -> Vec<Pair> {
        self.answered(&["read", "poll"])
    }

    /// Acknowledged registrations and deregistrations that are no retries.
    pub fn changes(&self) -> Vec<Pair> {
        self.answered(&["register", "deregister"])
    }

    pub fn invoked(&self, call: Pair) -> u64 {
        self.asked(call).time
    }

    pub fn returned(&self, call: Pair) -> u64 {
        call.end.map_or(u64::MAX, |end| self.recording.lines[end].time)
    }

    pub fn end(&self) -> u64 {
        self.recording.lines.last().map_or(0, |line| line.time)
    }

    /// One argument, as text.
    pub fn arg(&self, call: Pair, key: &str) -> String {
        let value = &self.asked(call).value[key];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    pub fn li(&self, call: Pair) -> u64 {
        self.asked(call).value["li"].as_u64().unwrap_or(0)
    }

    pub fn wait_ns(&self, call: Pair) -> u64 {
        self.asked(call).value["wait_ms"].as_u64().unwrap_or(0) * MS
    }

    pub fn is_stale(&self, call: Pair) -> bool {
        self.asked(call).value["mode"] == "stale"
    }

    pub fn is_filtered(&self, call: Pair) -> bool {
        self.asked(call).value["passing"] == true
    }

    /// Whether two calls are about one service.
    pub fn same_service(&self, a: Pair, b: Pair) -> bool {
        ["ns", "svc"].iter().all(|key| self.asked(a).value[*key] == self.asked(b).value[*key])
    }

    pub fn same_node(&self, a: Pair, b: Pair) -> bool {
        self.asked(a).node == self.asked(b).node
    }

    pub fn body(&self, call: Pair) -> Vec<Value> {
        self.answer(call).and_then(|line| line.value["body"].as_array().cloned()).unwrap_or_default()
    }

    /// Whether a poll ran into its time-out.
    pub fn timed_out(&self, call: Pair) -> bool {
        self.asked(call).f == "poll"
            && self.li(call) > 0
            && self.number(call, "xi").is_some_and(|xi| xi <= self.li(call))
    }

    /// What the process of `call` does after it, another process does from here on: its call can then end at any time.
    fn retire(&mut self, call: Pair) {
        let process = self.asked(call).process;
        let fresh = self.recording.lines.iter().filter_map(|line| line.process).max().map(|highest| highest + 1);
        let op = self.asked(call).op;
        for line in
            self.recording.lines.iter_mut().skip(call.invoke).filter(|line| line.process == process && line.op != op)
        {
            line.process = fresh;
        }
    }

    /// The call never ends.
    pub fn leave_open(&mut self, call: Pair) {
        self.retire(call);
        self.recording.lines.remove(call.end.expect("an answered call"));
    }

    /// The answer comes at another time, later or earlier.
    pub fn answer_at(&mut self, call: Pair, time: u64) {
        self.retire(call);
        let mut line = self.recording.lines.remove(call.end.expect("an answered call"));
        line.time = time;
        let place =
            self.recording.lines.iter().position(|other| other.time > time).unwrap_or(self.recording.lines.len());
        self.recording.lines.insert(place.max(call.invoke + 1), line);
    }

    /// A line of the nemesis, at its place in time.
    pub fn fault(&mut self, time: u64, name: &str, value: Value) {
        let place =
            self.recording.lines.iter().position(|other| other.time > time).unwrap_or(self.recording.lines.len());
        let line = Line {
            time,
            process: None,
            kind: Kind::Info,
            f: name.to_owned(),
            value,
            op: 0,
            node: String::new(),
            key: None,
        };
        self.recording.lines.insert(place, line);
    }
}
