//! Real agents, each on a machine of its own, in a namespace that no recorded client touches: the judge's history holds
//! what clients asked for, and an agent asks for itself. Now and then an intruder takes one of their instances out of the
//! cluster; or, without an intruder, an [`observer`] sees to it that each instance is registered once and stays as it is.
//! At the end every instance must be there and passing with all its checks (AG-1).

mod observer;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use sider_agent::config::{AgentConfig, Target};
use sider_agent::core::Measured;
use sider_agent::probe::Probe;
use sider_agent::store::CellStore;
use sider_agent::{Setup, Signal};
use sider_client::client::{Client, Consistency, Query, ServerAddress, Settings};
use sider_client::seam::BoxFuture;
use sider_client::wire::ServiceEntry;
use sider_registry::model::{Name, Status};
use tokio::sync::mpsc;

use super::Task;
use super::shared::{LOOK_EVERY, Phase, Shared};
use crate::scenario::model::{AgentLoad, agent_name};
use crate::sim::net::TurmoilDial;
use crate::sim::{HTTP_PORT, timers};

/// The agents' own namespace.
const NAMESPACE: &str = "agents";
/// Checks of each instance: one that the agent renews, one that it runs.
const CHECKS: usize = 2;
/// Mean pause of the intruder.
const INTRUDE_EVERY: Duration = Duration::from_secs(4);

/// The software of the machine of agent `number`: the agent, until the end of the run, and then its graceful stop.
pub async fn machine(shared: Rc<Shared>, number: usize, load: AgentLoad, servers: Vec<String>) -> turmoil::Result {
    shared.reached(Phase::Run).await;
    let (tell, told) = mpsc::channel(1);
    let setup = Setup {
        config: config(number, &load, &servers),
        dial: Arc::new(TurmoilDial),
        probes: Arc::new(AlwaysUp),
        store: Box::new(CellStore::default()),
        local: None,
        seed: shared.seeds.seed("agent", number as u64),
        on_registered: None,
    };
    let stop = async {
        shared.reached(Phase::End).await;
        // An agent that has ended needs no telling.
        let _ended = tell.send(Signal::Stop).await;
    };
    tokio::join!(biased; sider_agent::run(setup, told), stop);
    Ok(())
}

/// The machines of the agents of a run.
pub fn hosts(shared: &Shared) -> impl Iterator<Item = String> {
    let numbers: Vec<usize> = shared.agents.borrow().keys().copied().collect();
    numbers.into_iter().map(agent_name)
}

/// Watches over the agents of `load`: the intruder or the observers, and the look at the end.
#[must_use]
pub fn tasks(shared: &Rc<Shared>, load: &AgentLoad, servers: &[String]) -> Vec<Task> {
    (0..load.agents).for_each(|number| {
        shared.agents.borrow_mut().insert(number, false);
    });
    let look = |number| {
        Box::pin(look(Rc::clone(shared), number, load.services, client(shared, servers, number as u64))) as Task
    };
    let looks = (0..load.agents).map(look);
    if load.intruder {
        let client = client(shared, servers, u64::MAX);
        return looks.chain([Box::pin(intruder(Rc::clone(shared), load.clone(), client)) as Task]).collect();
    }
    let instances = (0..load.agents).flat_map(|agent| (0..load.services).map(move |service| (agent, service)));
    let observers = instances.enumerate().map(|(number, (agent, service))| {
        let client = client(shared, servers, u64::MAX - 1 - number as u64);
        Box::pin(observer::observe(Rc::clone(shared), name(agent, service), client)) as Task
    });
    looks.chain(observers).collect()
}

fn config(number: usize, load: &AgentLoad, servers: &[String]) -> AgentConfig {
    let service = |svc: usize| {
        json!({"name": name(number, svc), "id": name(number, svc), "address": "10.0.0.1", "port": 80, "checks": [
            {"type": "ttl", "ttl": sider_client::duration::format(load.ttl)},
            {"type": "tcp", "interval": "1s", "timeout": "500ms"},
        ]})
    };
    let servers: Vec<String> = servers.iter().map(|server| format!("{server}:{HTTP_PORT}")).collect();
    let services: Vec<_> = (0..load.services).map(service).collect();
    let file = json!({"servers": servers, "namespace": NAMESPACE, "services": services});
    let config = AgentConfig::parse(&file.to_string()).expect("a valid configuration");
    config.on_node(&Name::new(agent_name(number)).expect("a name"))
}

fn name(agent: usize, service: usize) -> String {
    format!("{}-{service}", agent_name(agent))
}

/// A client that is not recorded.
fn client(shared: &Rc<Shared>, servers: &[String], number: u64) -> Client {
    let address = |server: &String| ServerAddress::parse(&format!("{server}:{HTTP_PORT}")).expect("a host and a port");
    let settings =
        Settings { call_timeout: Duration::from_secs(1), total_timeout: Duration::from_secs(3), ..Settings::default() };
    let seed = shared.seeds.seed("agent-watch", number);
    Client::new(servers.iter().map(address).collect(), Arc::new(TurmoilDial), settings, seed)
}

async fn intruder(shared: Rc<Shared>, load: AgentLoad, client: Client) {
    let mut rng = shared.seeds.stream("intruder", 0);
    shared.reached(Phase::Run).await;
    loop {
        let pause = INTRUDE_EVERY.mul_f64(rng.random_range(0.5..1.5));
        if !shared.sleep_before(pause, Phase::Settle).await {
            return;
        }
        let victim = name(rng.random_range(0..load.agents), rng.random_range(0..load.services));
        // Whether it is there or not: the agent must come to have it there.
        let _outcome = client.deregister(NAMESPACE, &victim, &victim, None).await;
    }
}

/// Looks until every instance of agent `number` is there and passing.
async fn look(shared: Rc<Shared>, number: usize, services: usize, client: Client) {
    shared.reached(Phase::Drain).await;
    while shared.phase() < Phase::End {
        let mut there = 0;
        for service in 0..services {
            let query = Query { namespace: NAMESPACE.into(), consistency: Consistency::Consistent, ..Query::default() };
            if let Ok(read) = client.read(&name(number, service), &query).await {
                let passing = |entry: &ServiceEntry| entry.health() == Status::Passing && entry.checks.len() == CHECKS;
                there += usize::from(matches!(read.body.as_slice(), [entry] if passing(entry)));
            }
        }
        if there == services {
            shared.agents.borrow_mut().insert(number, true);
            return;
        }
        timers::sleep(LOOK_EVERY * 5).await;
    }
}

/// What the agents look at is always up: sockets of their machine are not what is tested here.
struct AlwaysUp;

impl Probe for AlwaysUp {
    fn run(&self, _target: Target, _timeout: Duration) -> BoxFuture<'static, Measured> {
        Box::pin(std::future::ready(Measured { status: Status::Passing, output: String::new() }))
    }
}
