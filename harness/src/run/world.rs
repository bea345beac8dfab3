//! The machines, the clients and the record of a run, and one step of it all.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use linearizability::history::Role;
use linearizability::verdict::Property;

use super::coverage::Counter;
use super::panics;
use crate::invariants::registered_once::RegisteredOnce;
use crate::invariants::{self, Finding, Invariant};
use crate::nemesis::plan::Plan;
use crate::nemesis::view::View;
use crate::record::Record;
use crate::record::facts::{Fact, FactKind};
use crate::scenario::Scenario;
use crate::scenario::model::{Workload, agent_name};
use crate::seeds::Seeds;
use crate::sim::cluster::Cluster;
use crate::sim::server::Exit;
use crate::workload::shared::{Phase, ServiceName, Shared};
use crate::workload::{self, Task, admin, agents, recheck, registry, ttl, watchers};

/// See the module.
pub struct World {
    pub cluster: Cluster,
    pub shared: Rc<Shared>,
    pub view: View,
    pub plan: Option<Plan>,
    pub counter: Counter,
    pub findings: Vec<Finding>,
    /// How much was looked at of the properties that the harness checks itself.
    pub checked: BTreeMap<Property, u64>,
    /// Reads that were asked of a deposed leader.
    pub deposed_reads: u64,
    /// Servers that ended by themselves with an error.
    pub stopped_servers: u64,
    invariants: Vec<Box<dyn Invariant>>,
    /// Nobody but undisturbed agents registers anything before the recheck.
    agents_alone: bool,
    history_seen: usize,
}

/// A run cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Code of the server panicked: a finding.
    Panicked,
    /// The harness is at fault.
    Harness(String),
}

impl World {
    /// The world of `scenario`, with disks below `dir`; nothing runs yet.
    pub fn new(scenario: &Scenario, seeds: Seeds, record: &Record, dir: &Path) -> Self {
        let mut cluster = Cluster::new(&scenario.cluster, dir, seeds, record);
        let shared = Shared::new(record.clone(), seeds, vec!["n1".into()]);
        let names = scenario.cluster.names();
        let watched = services(scenario);
        // One machine for all clients: every machine more is another runtime in every step, and other links.
        let mut clients: Vec<Task> = vec![Box::pin(admin::operator(Rc::clone(&shared)))];
        clients.extend(recheck::tasks(&shared, &names));
        for load in &scenario.workloads {
            match load {
                Workload::Registry(load) => clients.extend(registry::tasks(&shared, load)),
                Workload::Watchers(load) => clients.extend(watchers::tasks(&shared, load, &watched)),
                Workload::Ttl(load) => clients.extend(ttl::tasks(&shared, load)),
                Workload::Agents(load) => {
                    let servers = &names[..scenario.cluster.servers];
                    clients.extend(agents::tasks(&shared, load, servers));
                    for number in 0..load.agents {
                        let machine = agents::machine(Rc::clone(&shared), number, load.clone(), servers.to_vec());
                        cluster.client(&agent_name(number), machine);
                    }
                }
            }
        }
        cluster.client("clients", workload::run_all(clients));
        let agents_alone =
            scenario.workloads.iter().all(|load| matches!(load, Workload::Agents(load) if !load.intruder));
        Self {
            invariants: invariants(&shared, agents_alone),
            agents_alone,
            cluster,
            shared,
            view: View::default(),
            plan: None,
            counter: Counter::default(),
            findings: Vec::new(),
            checked: BTreeMap::new(),
            deposed_reads: 0,
            stopped_servers: 0,
            history_seen: 0,
        }
    }

    /// One step, and everything that is looked at after it.
    pub fn step(&mut self) -> Result<(), Broken> {
        match catch_unwind(AssertUnwindSafe(|| self.cluster.step())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.stuck(error.to_string())),
            Err(panic) => {
                return Err(match panics::first() {
                    Some(first) => self.panicked(&first.text(), first.is_of_the_harness()),
                    None => self.panicked(&message(&*panic), false),
                });
            }
        }
        for (name, exit) in self.cluster.reap() {
            if let Exit::Failed(text) = exit {
                if text.contains(NO_SPACE) {
                    return Err(Broken::Harness(format!("no room is left for the simulated disks: {text}")));
                }
                self.stopped_servers += 1;
                let value = serde_json::json!({"targets": [name], "error": text});
                // No fault of the nemesis: what a server did about one.
                self.shared.record.fault("stop", &value, crate::record::history::Struck::Installed, None);
            }
        }
        self.look();
        match self.shared.disk_failure.take() {
            Some(error) => Err(Broken::Harness(format!("the simulated disks cannot be kept: {error}"))),
            None => Ok(()),
        }
    }

    /// The run cannot go on, for this reason or for a panic that something caught before.
    pub fn stuck(&mut self, why: String) -> Broken {
        self.look_for_caught_panics().err().unwrap_or(Broken::Harness(why))
    }

    fn panicked(&mut self, text: &str, of_the_harness: bool) -> Broken {
        if of_the_harness {
            return Broken::Harness(format!("the harness itself panicked: {text}"));
        }
        self.findings.push(Finding::panic(self.now_ns(), text));
        Broken::Panicked
    }

    /// A panic that something caught on its way to the step is one all the same.
    pub fn look_for_caught_panics(&mut self) -> Result<(), Broken> {
        panics::first().map_or(Ok(()), |first| Err(self.panicked(&first.text(), first.is_of_the_harness())))
    }

    fn look(&mut self) {
        let facts = self.shared.record.lock().facts.drain();
        for fact in &facts {
            if fact.kind == FactKind::NewCluster {
                self.findings.extend(self.invariants.iter_mut().filter_map(|invariant| invariant.at_loss()));
                self.note_checked();
                self.invariants = invariants(&self.shared, self.agents_alone);
                self.history_seen = 0;
            }
            self.view.observe(fact);
            self.counter.observe(fact);
            let found = self.invariants.iter_mut().filter_map(|invariant| invariant.observe(fact));
            self.findings.extend(found);
            if let Some(plan) = &mut self.plan {
                plan.observe(fact);
            }
            self.note_leader(fact);
        }
        self.findings.append(&mut self.shared.findings.borrow_mut());
        self.count_deposed_reads();
        if let Some(plan) = &mut self.plan {
            plan.act(self.cluster.elapsed(), &self.view, &mut self.cluster, &self.shared);
        }
    }

    fn note_leader(&self, fact: &Fact) {
        if matches!(fact.kind, FactKind::Role { role: Role::Leader, .. }) {
            self.shared.count("leaders");
        }
    }

    /// Reads that began in this step at a server that leads an old term.
    fn count_deposed_reads(&mut self) {
        let inner = self.shared.record.lock();
        let new = &inner.history.lines[self.history_seen..];
        self.history_seen = inner.history.lines.len();
        if new.is_empty() {
            return;
        }
        let deposed: Vec<String> =
            self.shared.members.borrow().iter().filter(|name| self.view.is_deposed(name)).cloned().collect();
        if deposed.is_empty() {
            return;
        }
        let at = |name: &String| format!(r#""node":"{name}""#);
        let nodes: Vec<String> = deposed.iter().map(at).collect();
        let reads = new.lines().filter(|line| {
            line.contains(r#""type":"invoke","f":"read""#) && nodes.iter().any(|node| line.contains(node.as_str()))
        });
        self.deposed_reads += reads.count() as u64;
    }

    /// Steps until `done`, or `patience` is over. Answers whether it was done.
    pub fn step_until(&mut self, patience: Duration, mut done: impl FnMut(&mut Self) -> bool) -> Result<bool, Broken> {
        let until = self.cluster.elapsed() + patience;
        while self.cluster.elapsed() < until {
            if done(self) {
                return Ok(true);
            }
            self.step()?;
        }
        Ok(done(self))
    }

    /// Steps for `time`.
    pub fn step_for(&mut self, time: Duration) -> Result<(), Broken> {
        self.step_until(time, |_| false).map(|_| ())
    }

    /// Tells everybody that `phase` begins.
    pub fn enter(&self, phase: Phase) {
        self.shared.enter(phase);
        let name = match phase {
            Phase::Setup => return,
            Phase::Run => "run",
            Phase::Settle => "settle",
            Phase::Recheck => "recheck",
            Phase::Drain => "drain",
            Phase::End => "end",
        };
        self.shared.record.phase(name);
    }

    /// Virtual time, ns.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.cluster.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Asks the invariants about the end.
    pub fn ask_at_end(&mut self, members: &[String]) {
        let acked_index = self.shared.record.lock().history.acked_index;
        let end = invariants::TheEnd { time: self.now_ns(), view: &self.view, members, acked_index };
        self.findings.extend(self.invariants.iter_mut().filter_map(|invariant| invariant.at_end(&end)));
        self.note_checked();
    }

    fn note_checked(&mut self) {
        for (property, count) in self.invariants.iter().filter_map(|invariant| invariant.checked()) {
            *self.checked.entry(property).or_default() += count;
        }
    }

    /// Looked at `property`: it holds if nothing is `broken`.
    pub fn check(&mut self, property: Property, broken: Option<String>) {
        *self.checked.entry(property).or_default() += 1;
        if let Some(summary) = broken {
            self.findings.push(Finding::new(property, self.now_ns(), summary));
        }
    }
}

/// In the error of a real disk that is full, and of no simulated one: ENOSPC.
const NO_SPACE: &str = "(os error 28)";

/// What must hold of a cluster from its first step on.
fn invariants(shared: &Rc<Shared>, agents_alone: bool) -> Vec<Box<dyn Invariant>> {
    let mut all = invariants::all();
    if agents_alone {
        all.push(Box::new(RegisteredOnce::new(Rc::clone(shared))));
    }
    all
}

/// The services that watchers watch: those that the other clients change.
fn services(scenario: &Scenario) -> Vec<ServiceName> {
    let mut services = Vec::new();
    for load in &scenario.workloads {
        match load {
            Workload::Registry(load) => {
                for ns in &registry::NAMESPACES[..load.namespaces] {
                    services.extend((0..load.services).map(|svc| ((*ns).to_owned(), format!("svc-{svc}"))));
                }
            }
            Workload::Ttl(_) => services.extend(ttl::services()),
            Workload::Watchers(_) | Workload::Agents(_) => {}
        }
    }
    if services.is_empty() {
        services.push(("default".into(), "recheck".into()));
    }
    services
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
