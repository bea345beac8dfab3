//! All machines of a run and the links between them: one step at a time, and whatever may be done to them in between.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use rand::RngExt;
use turmoil::Sim;

use super::server::{Exit, Server};
use crate::record::Record;
use crate::scenario::model::{Clock, Cluster as Plan};
use crate::seeds::Seeds;

/// A directed link.
pub type Link = (String, String);

/// The world of a run.
pub struct Cluster {
    sim: Sim<'static>,
    record: Record,
    plan: Plan,
    servers: BTreeMap<String, Server>,
    /// How many faults cut a link.
    cuts: BTreeMap<Link, u32>,
    /// Servers whose process runs.
    up: BTreeSet<String>,
    paused: BTreeSet<String>,
}

impl Cluster {
    /// Machines for `plan`, none of them started; their disks are below `dir`.
    #[must_use]
    pub fn new(plan: &Plan, dir: &Path, seeds: Seeds, record: &Record) -> Self {
        let sim = turmoil::Builder::new()
            .tick_duration(plan.step)
            .simulation_duration(Duration::MAX)
            .min_message_latency(plan.latency.0)
            .max_message_latency(plan.latency.1)
            .tcp_capacity(1024)
            .enable_random_order()
            .rng_seed(seeds.seed("network", 0))
            .build();
        let mut clocks = seeds.stream("clocks", 0);
        let mut servers = BTreeMap::new();
        for name in plan.names() {
            let drawn = Clock {
                rate: clocks.random_range(plan.clock_rate.0..=plan.clock_rate.1),
                offset_ms: clocks.random_range(plan.clock_offset_ms.0..=plan.clock_offset_ms.1),
            };
            let clock = plan.clocks.get(&name).copied().unwrap_or(drawn);
            let server = Server::new(&name, dir.join(&name), plan, clock, seeds, record.clone());
            servers.insert(name, server);
        }
        Self {
            sim,
            record: record.clone(),
            plan: plan.clone(),
            servers,
            cuts: BTreeMap::new(),
            up: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    /// Adds a host that runs `software` once.
    pub fn client(&mut self, name: &str, software: impl Future<Output = turmoil::Result> + 'static) {
        self.sim.client(name, software);
    }

    /// From now on a step also runs machines that have nothing to do, and panics if one of them does something: it has a
    /// timer that it did not tell of ([`super::timers`]), and runs would depend on when it is run.
    pub fn run_idle_machines(&mut self) {
        self.sim.run_idle_hosts();
    }

    /// Virtual time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Goes one step on.
    ///
    /// # Errors
    /// The software of a host failed, which is a fault of the harness.
    pub fn step(&mut self) -> turmoil::Result {
        self.record.clock.begin_step(self.sim.elapsed());
        let stepped = self.sim.step();
        self.record.clock.end_step(self.sim.elapsed());
        stepped.map(|_all_clients_done| ())
    }

    /// The machine `name`.
    ///
    /// # Panics
    /// There is none: scenarios are checked when they are read.
    #[must_use]
    pub fn server(&self, name: &str) -> &Server {
        self.servers.get(name).expect("a server of this cluster")
    }

    /// All machines.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.values()
    }

    /// The process of `name` was started and not killed, and has not ended by itself.
    #[must_use]
    pub fn is_up(&self, name: &str) -> bool {
        self.up.contains(name) && self.server(name).exit().is_none()
    }

    /// `name` runs and is not held still.
    #[must_use]
    pub fn is_running(&self, name: &str) -> bool {
        self.is_up(name) && !self.paused.contains(name)
    }

    /// How `name` ended by itself, if it did.
    #[must_use]
    pub fn exit(&self, name: &str) -> Option<Exit> {
        self.server(name).exit()
    }

    /// Starts the process of `name`, if it does not run.
    pub fn start(&mut self, name: &str) {
        if self.is_up(name) {
            return;
        }
        let server = self.server(name).clone();
        if server.incarnation() == 0 {
            self.sim.host(name, move || server.clone().run());
        } else {
            server.disk().after_crash();
            self.sim.bounce(name);
        }
        self.up.insert(name.to_owned());
        self.paused.remove(name);
    }

    /// SIGKILL.
    pub fn kill(&mut self, name: &str) {
        if self.server(name).incarnation() > 0 {
            self.sim.crash(name);
        }
        self.up.remove(name);
        self.paused.remove(name);
        self.server(name).killed();
        self.record.lock().facts.stopped(self.record.clock.step_ns(), name);
    }

    /// Buries the servers that have ended by themselves since the last call: their sockets close.
    pub fn reap(&mut self) -> Vec<(String, Exit)> {
        let ended = self.servers.iter().filter_map(|(name, server)| Some((name, server.exit()?)));
        let ended: Vec<(String, Exit)> =
            ended.filter(|(name, _)| self.up.contains(*name)).map(|(name, exit)| (name.clone(), exit)).collect();
        for (name, _) in &ended {
            self.sim.crash(name.as_str());
            self.up.remove(name);
            self.paused.remove(name);
            self.record.lock().facts.stopped(self.record.clock.step_ns(), name);
        }
        ended
    }

    /// The machine goes dark: its links first, so that nobody is told; what was not synced is lost.
    ///
    /// # Errors
    /// The memory file system fails.
    pub fn power_off(&mut self, name: &str) -> io::Result<()> {
        let others: Vec<String> = self.hosts().into_iter().filter(|other| other != name).collect();
        for other in &others {
            self.cut(&(name.to_owned(), other.clone()));
        }
        self.kill(name);
        for other in &others {
            self.mend(&(name.to_owned(), other.clone()));
        }
        self.server(name).disk().after_power_loss()
    }

    /// SIGSTOP.
    pub fn pause(&mut self, name: &str) {
        self.paused.insert(name.to_owned());
        self.server(name).pause();
    }

    /// SIGCONT.
    pub fn resume(&mut self, name: &str) {
        self.paused.remove(name);
        self.server(name).resume();
    }

    /// Drops what is sent over `link`, until it has been mended as often as it was cut.
    pub fn cut(&mut self, link: &Link) {
        let cuts = self.cuts.entry(link.clone()).or_default();
        *cuts += 1;
        if *cuts == 1 && self.known(link) {
            // Random loss would put the link's state back to healthy.
            self.sim.set_link_fail_rate(link.0.as_str(), link.1.as_str(), 0.0);
            self.sim.partition_oneway(link.0.as_str(), link.1.as_str());
        }
    }

    /// Undoes one [`Cluster::cut`].
    pub fn mend(&mut self, link: &Link) {
        let Some(cuts) = self.cuts.get_mut(link) else { return };
        *cuts -= 1;
        if *cuts == 0 {
            self.cuts.remove(link);
            if self.known(link) {
                self.sim.repair_oneway(link.0.as_str(), link.1.as_str());
            }
        }
    }

    /// `link` drops what is sent over it.
    #[must_use]
    pub fn is_cut(&self, link: &Link) -> bool {
        self.cuts.contains_key(link)
    }

    /// Messages between the two take at least `by` more; zero: as the scenario says.
    pub fn delay(&mut self, link: &Link, by: Duration) {
        if self.known(link) {
            let (low, high) = self.plan.latency;
            self.sim.set_link_latency(link.0.as_str(), link.1.as_str(), low + by);
            self.sim.set_link_max_message_latency(link.0.as_str(), link.1.as_str(), high + by);
        }
    }

    /// Messages between the two are lost with this probability, and what is under way with them.
    pub fn lose(&mut self, link: &Link, share: f64) {
        let back = (link.1.clone(), link.0.clone());
        if self.known(link) && !self.is_cut(link) && !self.is_cut(&back) {
            self.sim.set_link_fail_rate(link.0.as_str(), link.1.as_str(), share);
        }
    }

    /// Both ends have been started once: turmoil knows no links of others.
    fn known(&self, link: &Link) -> bool {
        [&link.0, &link.1].iter().all(|end| self.servers.get(*end).is_none_or(|server| server.incarnation() > 0))
    }

    /// Servers that have been started once.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.servers.values().filter(|server| server.incarnation() > 0).map(|server| server.name().to_owned()).collect()
    }
}
