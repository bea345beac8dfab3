//! A logical client: one call at a time, a new process id after each unknown outcome, connections of its own.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use sider_client::client::{Client, ServerAddress, Settings};

use super::op::Op;
use super::send::Reply;
use super::shared::{Phase, Shared};
use crate::record::history::End;
use crate::sim::HTTP_PORT;
use crate::sim::net::TurmoilDial;

/// Share of the reads that go to servers that were removed, if there are any.
const READS_OF_REMOVED: f64 = 0.05;

/// See the module.
pub struct Caller {
    /// What it shares with the run.
    pub shared: Rc<Shared>,
    /// Its own stream.
    pub rng: StdRng,
    process: u64,
    name: String,
    keys: u64,
    clients: BTreeMap<String, Client>,
    timeout: Duration,
}

impl Caller {
    /// The client `name`, `number`, whose calls have `timeout`.
    #[must_use]
    pub fn new(shared: &Rc<Shared>, name: &str, number: usize, timeout: Duration) -> Self {
        let rng = shared.seeds.stream(&format!("client:{name}"), number as u64);
        Self {
            shared: Rc::clone(shared),
            rng,
            process: shared.record.new_process(),
            name: format!("{name}{number}"),
            keys: 0,
            clients: BTreeMap::new(),
            timeout,
        }
    }

    /// Its process id now.
    #[must_use]
    pub const fn process(&self) -> u64 {
        self.process
    }

    /// A member, drawn.
    pub fn any_server(&mut self) -> String {
        let members = self.shared.members.borrow();
        members[self.rng.random_range(0..members.len())].clone()
    }

    /// A member, drawn; or one that was removed, since not every client has heard of that (MEM-3).
    pub fn server_to_read(&mut self) -> String {
        let removed = self.shared.removed.borrow();
        if removed.is_empty() || !self.rng.random_bool(READS_OF_REMOVED) {
            drop(removed);
            return self.any_server();
        }
        removed[self.rng.random_range(0..removed.len())].clone()
    }

    /// Asks `server` for `op` once.
    pub async fn call(&mut self, server: &str, op: &Op, key: Option<&str>) -> Reply {
        self.open(server);
        let client = &self.clients[server];
        let open = self.shared.record.invoke(self.process, op.f(), &op.value(), server, key);
        let reply = op.send(client, key).await;
        self.shared.record.end(&open, reply.end, &reply.value);
        self.after(op, reply.end);
        reply
    }

    /// Asks `server` for `op` and goes away when `leave` is over, if there is no answer before. Answers none then.
    pub async fn call_or_leave(&mut self, server: &str, op: &Op, leave: impl Future<Output = ()>) -> Option<Reply> {
        self.open(server);
        let client = &self.clients[server];
        let open = self.shared.record.invoke(self.process, op.f(), &op.value(), server, None);
        let reply = tokio::select! {
            biased;
            reply = op.send(client, None) => Some(reply),
            () = leave => None,
        };
        let left = json!({"error": "the client left"});
        let (end, value) = reply.as_ref().map_or((End::Info, &left), |reply| (reply.end, &reply.value));
        self.shared.record.end(&open, end, value);
        self.after(op, end);
        reply
    }

    /// Asks for a write until its outcome is known or `retries` repetitions are used up, each on another server. Without
    /// `keyed` it is asked for once.
    pub async fn write(&mut self, op: &Op, keyed: bool, retries: u64) -> Reply {
        if !keyed {
            let server = self.any_server();
            return self.call(&server, op, None).await;
        }
        self.keys += 1;
        let key = format!("{}-{}", self.name, self.keys);
        let twice = self.shared.duplicate.get();
        if twice > 0.0 && self.rng.random_bool(twice) {
            return self.call_twice(op, &key).await;
        }
        let mut tries = 0;
        loop {
            let server = self.any_server();
            let reply = self.call(&server, op, Some(&key)).await;
            tries += 1;
            if reply.end != End::Info || tries > retries {
                return reply;
            }
        }
    }

    /// The same keyed write over two connections at once, as a proxy that repeats requests would send it.
    async fn call_twice(&mut self, op: &Op, key: &str) -> Reply {
        let (first, second) = (self.any_server(), self.any_server());
        let record = &self.shared.record;
        let (one, two) = (self.fresh(&first), self.fresh(&second));
        let other = record.new_process();
        let open_one = record.invoke(self.process, op.f(), &op.value(), &first, Some(key));
        let open_two = record.invoke(other, op.f(), &op.value(), &second, Some(key));
        let sent_one = async {
            let reply = op.send(&one, Some(key)).await;
            record.end(&open_one, reply.end, &reply.value);
            reply
        };
        let sent_two = async {
            let reply = op.send(&two, Some(key)).await;
            record.end(&open_two, reply.end, &reply.value);
            reply
        };
        let (reply, _second) = tokio::join!(biased; sent_one, sent_two);
        self.shared.count("duplicated_writes");
        self.after(op, reply.end);
        reply
    }

    fn after(&mut self, op: &Op, end: End) {
        if end == End::Info {
            self.process = self.shared.record.new_process();
        }
        match (end, op) {
            // What the recheck itself asks for covers nothing.
            (End::Ok | End::Info, op) if (op.is_write() || op.is_read()) && self.shared.phase() >= Phase::Recheck => {}
            (End::Ok, op) if op.is_write() => self.shared.count("acked_writes"),
            (End::Info, op) if op.is_write() => self.shared.count("unknown_writes"),
            (End::Ok, op) if op.is_read() => self.shared.count("reads"),
            (End::Ok, Op::Join { .. }) if self.shared.phase() < Phase::Recheck => self.shared.count("joins"),
            (End::Ok, Op::Join { .. }) => self.shared.count("repeated_joins"),
            (End::Ok, Op::Remove { .. }) => self.shared.count("removes"),
            (End::Ok, Op::Transfer { .. }) => self.shared.count("transfers"),
            _ => {}
        }
    }

    fn open(&mut self, server: &str) {
        if !self.clients.contains_key(server) {
            let client = self.fresh(server);
            self.clients.insert(server.to_owned(), client);
        }
    }

    fn fresh(&self, server: &str) -> Client {
        let address = ServerAddress::parse(&format!("{server}:{HTTP_PORT}")).expect("a host and a port");
        let settings = Settings {
            dial_timeout: self.timeout.min(Duration::from_millis(800)),
            call_timeout: self.timeout,
            total_timeout: self.timeout,
            ..Settings::default()
        };
        Client::to(address, Arc::new(TurmoilDial), settings)
    }
}
