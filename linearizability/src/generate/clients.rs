//! The simulated clients: an event queue in virtual time. A call takes effect between its two lines, unless its client gave
//! up: then it may take effect later, or never.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::plan::Plan;
use super::random::Random;
use super::recording::{Kind, Line};
use super::server::{Answer, Command, Place, Server};

const US: u64 = 1_000;
const STATUSES: [&str; 4] = ["passing", "passing", "warning", "critical"];

enum Action {
    Invoke { client: u32 },
    Effect { op: u32 },
    Return { op: u32 },
    GiveUp { op: u32 },
    PollTimeout { op: u32 },
    Expire { at: Place, check: String, armed: u64 },
}

#[derive(Clone)]
enum Work {
    Write(Command),
    Read { service: u32 },
    Stale { service: u32, floor: Option<u64> },
    Poll { service: u32, li: u64, passing: bool },
    List { ns: u32 },
}

struct Pending {
    client: u32,
    process: u32,
    node: u32,
    key: Option<String>,
    work: Work,
    answer: Option<Answer>,
}

struct Client {
    process: u32,
    written: u32,
    /// Index of each service that it saw last.
    seen: BTreeMap<u32, u64>,
    retry: Option<(Work, String)>,
}

struct World<'p, 's> {
    plan: &'p Plan,
    random: Random,
    server: Server,
    queue: BTreeMap<(u64, u64), Action>,
    sequence: u64,
    now: u64,
    ops: BTreeMap<u32, Pending>,
    next_op: u32,
    next_process: u32,
    clients: Vec<Client>,
    parked: BTreeMap<u32, Vec<u32>>,
    /// Index that each server has applied, for stale reads.
    applied: Vec<u64>,
    started: u64,
    sink: &'s mut dyn FnMut(Line) -> io::Result<()>,
}

pub(super) fn run(plan: &Plan, sink: &mut dyn FnMut(Line) -> io::Result<()>) -> io::Result<()> {
    let clients =
        (0..plan.clients).map(|process| Client { process, written: 0, seen: BTreeMap::new(), retry: None }).collect();
    let mut world = World {
        plan,
        random: Random::new(plan.seed),
        server: Server::new(plan.services, plan.namespaces, plan.mix.stale > 0),
        queue: BTreeMap::new(),
        sequence: 0,
        now: 0,
        ops: BTreeMap::new(),
        next_op: 0,
        next_process: plan.clients,
        clients,
        parked: BTreeMap::new(),
        applied: vec![1; plan.nodes.max(1) as usize],
        started: 0,
        sink,
    };
    for client in 0..plan.clients {
        let delay = world.random.below(10) * US;
        world.after(delay, Action::Invoke { client });
    }
    world.drain()?;
    if plan.final_reads {
        world.final_reads()?;
    }
    Ok(())
}

impl World<'_, '_> {
    fn after(&mut self, delay: u64, action: Action) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), action);
    }

    fn drain(&mut self) -> io::Result<()> {
        while let Some(((time, _), action)) = self.queue.pop_first() {
            self.now = time;
            match action {
                Action::Invoke { client } => self.invoke(client)?,
                Action::Effect { op } => self.effect(op),
                Action::Return { op } => self.answer(op)?,
                Action::GiveUp { op } => self.give_up(op)?,
                Action::PollTimeout { op } => self.poll_timeout(op),
                Action::Expire { at, check, armed } => {
                    self.server.expire(at, &check, armed);
                    self.after_change();
                }
            }
        }
        Ok(())
    }

    fn invoke(&mut self, client: u32) -> io::Result<()> {
        if self.started >= self.plan.operations {
            return Ok(());
        }
        self.started += 1;
        let (work, key) = match self.clients[client as usize].retry.take() {
            Some((work, key)) => (work, Some(key)),
            None => {
                let work = self.choose(client);
                let state = &mut self.clients[client as usize];
                let key = matches!(work, Work::Write(_)).then(|| {
                    state.written += 1;
                    format!("c{}-{}", state.process, state.written)
                });
                (work, key)
            }
        };
        self.start(client, work, key)
    }

    fn start(&mut self, client: u32, work: Work, key: Option<String>) -> io::Result<()> {
        let op = self.next_op;
        self.next_op += 1;
        let node = self.random.below(u64::from(self.plan.nodes.max(1))) as u32;
        let process = self.clients[client as usize].process;
        let (f, value) = self.arguments(&work);
        self.emit(Line {
            time: self.now,
            process: Some(process),
            kind: Kind::Invoke,
            f: f.to_owned(),
            value,
            op,
            node: format!("n{}", node + 1),
            key: key.clone(),
        })?;
        let is_write = matches!(work, Work::Write(_));
        let is_poll = matches!(work, Work::Poll { .. });
        self.ops.insert(op, Pending { client, process, node, key, work, answer: None });
        if is_write && self.random.chance(self.plan.unknown_per_mille) {
            self.after(self.plan.timeout_us * US, Action::GiveUp { op });
            if self.random.chance(500) {
                let delay = self.random.below(self.plan.timeout_us * 3) * US;
                self.after(delay, Action::Effect { op });
            }
            return Ok(());
        }
        let delay = self.random.latency(self.plan.latency_us * US);
        self.after(delay, Action::Effect { op });
        if is_poll {
            let wait = self.poll_wait_ms() * 1_000 * US;
            let jitter = self.random.below(wait / 16 + 1);
            self.after(delay + wait + jitter, Action::PollTimeout { op });
        }
        Ok(())
    }

    fn poll_wait_ms(&self) -> u64 {
        (self.plan.timeout_us / 1_000).max(1)
    }

    fn place(&mut self) -> Place {
        (self.random.below(self.plan.services.into()) as u32, self.random.below(self.plan.slots.into()) as u32)
    }

    fn check_id(&mut self, (service, slot): Place) -> String {
        format!("c:s{service}:i{slot}:{}", self.random.below(u64::from(self.plan.checks.max(1))))
    }

    fn choose(&mut self, client: u32) -> Work {
        let at = self.place();
        let ns = at.0 % self.plan.namespaces;
        let weights = self.plan.mix.weights();
        let mut ticket = self.random.below(weights.iter().map(|weight| u64::from(*weight)).sum()) as u32;
        let choice = weights.iter().position(|weight| {
            let found = ticket < *weight;
            ticket = ticket.wrapping_sub(*weight);
            found
        });
        match choice {
            Some(0) => Work::Write(self.registration(client, at)),
            Some(1) => Work::Write(Command::Deregister { at }),
            Some(2) => Work::Write(Command::DeregisterId { ns, slot: at.1 }),
            Some(3) => {
                let status = STATUSES[self.random.below(4) as usize];
                Work::Write(Command::Report { ns, check: self.check_id(at), status })
            }
            Some(4) => {
                let other = (at.0, (at.1 + 1) % self.plan.slots);
                Work::Write(Command::RenewMany { ns, checks: vec![self.check_id(at), self.check_id(other)] })
            }
            Some(6) => {
                let floor = self.clients[client as usize].seen.get(&at.0).copied().filter(|_| self.random.chance(300));
                Work::Stale { service: at.0, floor }
            }
            Some(7) => {
                let li = self.clients[client as usize].seen.get(&at.0).copied().unwrap_or(0);
                Work::Poll { service: at.0, li, passing: self.random.chance(300) }
            }
            Some(8) => Work::List { ns },
            _ => Work::Read { service: at.0 },
        }
    }

    fn registration(&mut self, client: u32, at: Place) -> Command {
        let state = &self.clients[client as usize];
        let nonce = format!("{}-{}", state.process, state.written + 1);
        let count = self.random.below(u64::from(self.plan.checks) + 1);
        let checks = (0..count)
            .map(|number| {
                // Checks with even numbers are of type ttl.
                let ttl_ms = (number % 2 == 0).then_some(self.plan.ttl_ms);
                let status = self.random.chance(500).then(|| STATUSES[self.random.below(4) as usize]);
                (format!("c:s{}:i{}:{number}", at.0, at.1), ttl_ms, status)
            })
            .collect();
        Command::Register { at, nonce, checks }
    }

    fn ns_name(ns: u32) -> String {
        if ns == 0 { "default".to_owned() } else { format!("ns{ns}") }
    }

    fn arguments(&self, work: &Work) -> (&'static str, Value) {
        let ns_of = |service: u32| Self::ns_name(service % self.plan.namespaces);
        match work {
            Work::Write(Command::Register { at: (service, slot), nonce, checks }) => {
                let checks: Vec<Value> = checks
                    .iter()
                    .map(|(id, ttl_ms, status)| {
                        let mut check = json!({ "id": id });
                        if let Some(ttl_ms) = ttl_ms {
                            check["ttl_ms"] = (*ttl_ms).into();
                        }
                        if let Some(status) = status {
                            check["status"] = (*status).into();
                        }
                        check
                    })
                    .collect();
                let mut value = json!({
                    "ns": ns_of(*service), "svc": format!("s{service}"), "id": format!("i{slot}"), "nonce": nonce
                });
                if !checks.is_empty() {
                    value["checks"] = checks.into();
                }
                ("register", value)
            }
            Work::Write(Command::Deregister { at: (service, slot) }) => {
                ("deregister", json!({ "ns": ns_of(*service), "svc": format!("s{service}"), "id": format!("i{slot}") }))
            }
            Work::Write(Command::DeregisterId { ns, slot }) => {
                ("deregister_id", json!({ "ns": Self::ns_name(*ns), "id": format!("i{slot}") }))
            }
            Work::Write(Command::Report { ns, check, status }) => {
                ("report", json!({ "ns": Self::ns_name(*ns), "check": check, "status": status }))
            }
            Work::Write(Command::RenewMany { ns, checks }) => {
                ("renew_many", json!({ "ns": Self::ns_name(*ns), "checks": checks }))
            }
            // Mode `default` and an empty list of checks are left out where the format allows it.
            Work::Read { service } => ("read", json!({ "ns": ns_of(*service), "svc": format!("s{service}") })),
            Work::Stale { service, floor } => {
                let mut value = json!({ "ns": ns_of(*service), "svc": format!("s{service}"), "mode": "stale" });
                if let Some(floor) = floor {
                    value["index"] = (*floor).into();
                }
                ("read", value)
            }
            Work::Poll { service, li, passing } => (
                "poll",
                json!({
                    "ns": ns_of(*service), "svc": format!("s{service}"), "li": li, "wait_ms": self.poll_wait_ms(),
                    "mode": "default", "passing": passing
                }),
            ),
            Work::List { ns } => ("list", json!({ "ns": Self::ns_name(*ns), "mode": "default" })),
        }
    }

    fn effect(&mut self, op: u32) {
        let Some(pending) = self.ops.get(&op) else { return };
        let (node, work) = (pending.node as usize, pending.work.clone());
        let answer = match work {
            Work::Write(command) => {
                let key = pending.key.clone();
                self.server.write(key.as_deref(), &command)
            }
            Work::Read { service } => {
                self.applied[node] = self.server.index;
                Ok(self.server.view(service, false))
            }
            Work::List { ns } => {
                self.applied[node] = self.server.index;
                Ok(self.server.list(ns))
            }
            Work::Stale { service, floor } => Ok(self.stale_view(node, service, floor)),
            Work::Poll { service, li, passing } => {
                let index = self.server.services[service as usize].index;
                if li != 0 && index <= li {
                    self.parked.entry(service).or_default().push(op);
                    return;
                }
                self.applied[node] = self.server.index;
                Ok(self.server.view(service, passing))
            }
        };
        self.finish(op, answer);
        self.after_change();
    }

    fn stale_view(&mut self, node: usize, service: u32, floor: Option<u64>) -> Value {
        let lag = self.random.below(4);
        let reached = self.server.index.saturating_sub(lag).max(self.applied[node]).max(floor.unwrap_or(0));
        self.applied[node] = reached;
        let mut view = self.server.view_at(service, reached);
        // The leader was heard of within this bound: no command is older than the run.
        view["last_contact_ms"] = (self.now / (1_000 * US) + 1).into();
        view["known_leader"] = true.into();
        view
    }

    fn finish(&mut self, op: u32, answer: Answer) {
        if let Some(pending) = self.ops.get_mut(&op) {
            pending.answer = Some(answer);
            let delay = self.random.latency(self.plan.latency_us * US);
            self.after(delay, Action::Return { op });
        }
    }

    /// Arms deadlines and wakes the polls of the services that the last command changed.
    fn after_change(&mut self) {
        for (at, check, armed, ttl_ms) in std::mem::take(&mut self.server.deadlines) {
            let delay = u64::from(ttl_ms) * 1_000 * US + self.random.below(self.plan.latency_us) * US;
            self.after(delay, Action::Expire { at, check, armed });
        }
        for service in std::mem::take(&mut self.server.changed) {
            for op in self.parked.remove(&service).unwrap_or_default() {
                self.answer_poll(op);
            }
        }
    }

    fn answer_poll(&mut self, op: u32) {
        let Some(Pending { node, work: Work::Poll { service, passing, .. }, .. }) = self.ops.get(&op) else { return };
        self.applied[*node as usize] = self.server.index;
        let view = self.server.view(*service, *passing);
        self.finish(op, Ok(view));
    }

    fn poll_timeout(&mut self, op: u32) {
        for polls in self.parked.values_mut() {
            if let Some(at) = polls.iter().position(|parked| *parked == op) {
                polls.swap_remove(at);
                self.answer_poll(op);
                return;
            }
        }
    }

    fn answer(&mut self, op: u32) -> io::Result<()> {
        let Some(pending) = self.ops.remove(&op) else { return Ok(()) };
        // Its client gave up before.
        if self.clients[pending.client as usize].process != pending.process {
            return Ok(());
        }
        let (kind, value) = match pending.answer {
            Some(Ok(value)) => (Kind::Ok, value),
            _ => (Kind::Fail, json!({ "error": "unknown" })),
        };
        let service = match pending.work {
            Work::Read { service } | Work::Poll { service, .. } | Work::Stale { service, .. } => Some(service),
            _ => None,
        };
        if let (Some(service), Some(xi)) = (service, value["xi"].as_u64()) {
            self.clients[pending.client as usize].seen.insert(service, xi);
        }
        self.close(op, &pending.work, (pending.process, pending.node), kind, value)?;
        let think = if self.plan.think_us == 0 { 0 } else { self.random.latency(self.plan.think_us * US) };
        self.after(think, Action::Invoke { client: pending.client });
        Ok(())
    }

    fn close(&mut self, op: u32, work: &Work, (process, node): (u32, u32), kind: Kind, value: Value) -> io::Result<()> {
        let f = self.arguments(work).0;
        self.emit(Line {
            time: self.now,
            process: Some(process),
            kind,
            f: f.to_owned(),
            value,
            op,
            node: format!("n{}", node + 1),
            key: None,
        })
    }

    fn give_up(&mut self, op: u32) -> io::Result<()> {
        let Some(pending) = self.ops.get(&op) else { return Ok(()) };
        let (client, process, node) = (pending.client, pending.process, pending.node);
        let (work, key) = (pending.work.clone(), pending.key.clone());
        self.close(op, &work, (process, node), Kind::Info, json!({ "error": "time-out" }))?;
        let state = &mut self.clients[client as usize];
        state.process = self.next_process;
        state.written = 0;
        self.next_process += 1;
        if let Some(key) = key.filter(|_| self.random.chance(self.plan.retry_per_mille)) {
            self.clients[client as usize].retry = Some((work, key));
        }
        self.after(1, Action::Invoke { client });
        Ok(())
    }

    fn final_reads(&mut self) -> io::Result<()> {
        self.now += 1_000 * US;
        for service in 0..self.plan.services {
            self.start(0, Work::Read { service }, None)?;
            self.drain()?;
        }
        for ns in 0..self.plan.namespaces {
            self.start(0, Work::List { ns }, None)?;
            self.drain()?;
        }
        Ok(())
    }

    fn emit(&mut self, line: Line) -> io::Result<()> {
        (self.sink)(line)
    }
}
