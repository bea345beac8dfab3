//! The tracing subscriber of a run: turns the servers' events into facts and trace lines.
//!
//! turmoil enters a span that names the host whenever it runs one, and the server's tasks keep the span they were
//! spawned in; so the subscriber knows no other spans and needs no registry of them.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use linearizability::history::Role;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};

use super::Record;
use super::facts::{FactKind, LogEnd};
use super::trace::{Depth, push_decimal};

/// See the module.
#[derive(Debug)]
pub struct Probe {
    record: Record,
    depth: Depth,
    /// Hosts by the number of their span, less one.
    hosts: Mutex<Vec<Arc<str>>>,
    /// The spans that are entered, innermost last.
    entered: Mutex<Vec<u64>>,
    current: AtomicU64,
}

impl Probe {
    /// Writes into `record`.
    #[must_use]
    pub fn new(record: Record) -> Self {
        let depth = record.lock().trace.depth();
        Self { record, depth, hosts: Mutex::default(), entered: Mutex::default(), current: AtomicU64::new(0) }
    }

    fn host(&self) -> Arc<str> {
        let current = self.current.load(Ordering::Relaxed);
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let name = usize::try_from(current).ok().and_then(|number| hosts.get(number.checked_sub(1)?));
        name.cloned().unwrap_or_else(|| "-".into())
    }
}

/// Bytes of a line, mostly.
const LINE: usize = 128;

/// Targets whose events are facts.
const FACTS: [&str; 7] =
    ["sider::applied", "sider::role", "sider::expire", "sider::watch", "sider::point", "sider::vote", "sider::voters"];

impl Subscriber for Probe {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        if metadata.is_span() {
            return target.starts_with("turmoil") && metadata.name() == "node";
        }
        let level = metadata.level();
        let everything = self.depth == Depth::Everything;
        match target.split("::").next().unwrap_or(target) {
            "sider" => everything || *level <= Level::INFO || FACTS.contains(&target),
            "sider_client" | "sider_agent" => *level <= Level::INFO || everything,
            "openraft" => *level <= if everything { Level::INFO } else { Level::WARN },
            "turmoil" => everything,
            _ => false,
        }
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        // turmoil makes one for each host.
        let mut name = HostName { hosts: &self.hosts, number: 0 };
        span.record(&mut name);
        Id::from_u64(name.number as u64 + 1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let target = event.metadata().target();
        // turmoil speaks while it holds its own state: its clock cannot be read then.
        let inside_turmoil = target.starts_with("turmoil");
        let clock = &self.record.clock;
        let time = if inside_turmoil { clock.step_ns() } else { clock.host_ns() };
        let is_fact = FACTS.contains(&target);
        let mut text = Text::default();
        text.line.reserve(LINE);
        if !is_fact {
            text.line.push_str(event.metadata().level().as_str());
            text.line.push(' ');
        }
        text.line.push_str(target);
        if !is_fact {
            text.line.push(':');
        }
        event.record(&mut text);
        let host = self.host();
        let mut inner = self.record.lock();
        if is_fact {
            inner.trace.line(time, &host, &text.line);
            // What a killed process says while its memory is freed was never said.
            if clock.is_stepping()
                && let Some(fact) = text.fact(target)
            {
                inner.facts.take(time, &host, fact);
            }
            return;
        }
        let mut line = text.line;
        if target.starts_with("openraft") {
            mask_wall_times(&mut line);
        }
        inner.trace.line(time, &host, &line);
        if !inside_turmoil && *event.metadata().level() <= Level::INFO {
            inner.facts.log_line(&host, format!("{}.{:03} {line}", time / 1_000_000_000, time / 1_000_000 % 1000));
        }
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner).push(span.into_u64());
        self.current.store(span.into_u64(), Ordering::Relaxed);
    }

    fn exit(&self, _: &Id) {
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        entered.pop();
        self.current.store(entered.last().copied().unwrap_or(0), Ordering::Relaxed);
    }
}

/// openraft prints moments as times of the real day, whatever clock they are of (`03:28:05.092533`): no two runs have them
/// in common. Each becomes `..:..:..`.
fn mask_wall_times(line: &mut String) {
    const FORM: &[u8] = b"00:00:00.000000";
    let fits = |window: &[u8]| {
        window.iter().zip(FORM).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form })
    };
    while let Some(at) = line.as_bytes().windows(FORM.len()).position(fits) {
        line.replace_range(at..at + FORM.len(), "..:..:..");
    }
}

/// The number of the host that a span names.
struct HostName<'a> {
    hosts: &'a Mutex<Vec<Arc<str>>>,
    number: usize,
}

impl Visit for HostName<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != "name" {
            return;
        }
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        self.number = hosts.iter().position(|host| **host == *value).unwrap_or_else(|| {
            hosts.push(value.into());
            hosts.len() - 1
        });
    }

    /// The address: not asked for.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The fields of an event.
#[derive(Default)]
struct Text {
    line: String,
    term: u64,
    log: u64,
    index: u64,
    count: u64,
    parked: u64,
    id: Option<u64>,
    candidate: u64,
    won: bool,
    hash: String,
    kind: String,
    role: String,
    point: String,
    voters: String,
}

impl Text {
    fn fact(self, target: &str) -> Option<FactKind> {
        Some(match target {
            "sider::applied" => FactKind::Applied {
                term: self.term,
                log: self.log,
                index: self.index,
                hash: self.hash,
                kind: self.kind,
            },
            "sider::role" => FactKind::Role { term: self.term, role: role(&self.role)? },
            "sider::expire" => FactKind::Expire { count: self.count },
            "sider::watch" => FactKind::Watch { parked: self.parked },
            "sider::point" => FactKind::Point {
                point: self.point,
                end: self.id.map(|id| LogEnd { id, term: self.term, log: self.log }),
            },
            "sider::vote" => FactKind::Vote { id: self.id?, term: self.term, candidate: self.candidate, won: self.won },
            "sider::voters" => FactKind::Voters { log: self.log, joint: voters(&self.voters)? },
            _ => return None,
        })
    }

    /// Writes the name of a field into the line. Answers where its value begins there.
    fn begin(&mut self, field: &Field) -> usize {
        self.line.push(' ');
        if field.name() != "message" {
            self.line.push_str(field.name());
            self.line.push('=');
        }
        self.line.len()
    }

    /// Writes `value` into the line. Answers where it begins there.
    fn append(&mut self, field: &Field, value: fmt::Arguments<'_>) -> usize {
        let begin = self.begin(field);
        match value.as_str() {
            Some(text) => self.line.push_str(text),
            None => self.line.write_fmt(value).expect("writing to a string"),
        }
        begin
    }

    /// Keeps the text that begins at `begin` in the line, if facts are made of it.
    fn keep(&mut self, field: &Field, begin: usize) {
        let slot = match field.name() {
            "hash" => &mut self.hash,
            "kind" => &mut self.kind,
            "role" => &mut self.role,
            "point" => &mut self.point,
            "voters" => &mut self.voters,
            _ => return,
        };
        slot.push_str(&self.line[begin..]);
    }
}

/// `1,2|2,3`: the sets of a configuration.
fn voters(text: &str) -> Option<Vec<Vec<u64>>> {
    text.split('|').map(|set| set.split(',').map(|id| id.parse().ok()).collect()).collect()
}

fn role(text: &str) -> Option<Role> {
    Some(match text {
        "leader" => Role::Leader,
        "follower" => Role::Follower,
        "candidate" => Role::Candidate,
        "learner" => Role::Learner,
        "stopped" => Role::Stopped,
        _ => return None,
    })
}

impl Visit for Text {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "term" => self.term = value,
            "log" => self.log = value,
            "index" => self.index = value,
            "count" => self.count = value,
            "parked" => self.parked = value,
            "id" => self.id = Some(value),
            "candidate" => self.candidate = value,
            _ => {}
        }
        self.begin(field);
        push_decimal(&mut self.line, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "committed" {
            self.won = value;
        }
        self.append(field, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let begin = self.begin(field);
        self.line.push_str(value);
        self.keep(field, begin);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let begin = self.append(field, format_args!("{value:?}"));
        self.keep(field, begin);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Depth, FactKind, Probe, Record, mask_wall_times, voters};
    use crate::record::trace::Trace;

    #[test]
    fn an_event_becomes_the_fact_that_it_tells_of() {
        let record = Record::new(Trace::new(Depth::Record, None));
        record.clock.begin_step(Duration::ZERO);
        // As the server writes it: texts, numbers and what is formatted on the way.
        tracing::subscriber::with_default(Probe::new(record.clone()), || {
            let hash = format_args!("{:032x}", 0xab);
            tracing::info!(target: "sider::applied", kind = "register", term = 1_u64, log = 2_u64, index = 3_u64, hash);
        });
        let facts: Vec<FactKind> = record.lock().facts.drain().into_iter().map(|fact| fact.kind).collect();
        let (hash, kind) = (format!("{:032x}", 0xab), "register".to_owned());
        assert_eq!(facts, [FactKind::Applied { term: 1, log: 2, index: 3, hash, kind }]);
    }

    #[test]
    fn times_of_the_real_day_are_masked_and_virtual_ones_stay() {
        let mut line = "vote @03:28:05.092533, lease 0.250s, now: 23:59:59.000001 at 4.784".to_owned();
        mask_wall_times(&mut line);
        assert_eq!(line, "vote @..:..:.., lease 0.250s, now: ..:..:.. at 4.784");
    }

    #[test]
    fn configurations_are_read_as_the_server_writes_them() {
        assert_eq!(voters("1,2,3"), Some(vec![vec![1, 2, 3]]));
        assert_eq!(voters("1|1,2"), Some(vec![vec![1], vec![1, 2]]));
        assert_eq!(voters("1,x"), None);
    }
}
