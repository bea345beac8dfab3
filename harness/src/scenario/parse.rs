//! The tables of a scenario, but for its faults.

use std::collections::BTreeMap;
use std::time::Duration;

use linearizability::verdict::Property;
use toml::de::DeTable;

use super::faults::{read_fault, read_random};
use super::model::{
    AgentLoad, Clock, Cluster, Expect, Mix, Phases, RegistryLoad, Scenario, Shape, Target, TtlLoad, WatcherLoad, What,
    When, Workload, agent_name,
};
use super::reader::{Result, ScenarioError, Source, Table, Value};

/// What a run counts, and `expect.min` may ask for.
pub const COVERAGE: &[(&str, &str)] = &[
    ("acked_writes", "writes that were acknowledged"),
    ("unknown_writes", "writes whose outcome the client does not know"),
    ("reads", "reads that were answered"),
    ("floor_reads", "stale reads that carried an index, and were answered"),
    ("leader_changes", "servers that became leader after the first"),
    ("expiries", "expired checks"),
    ("woken_watches", "polls that a change answered"),
    ("abandoned_watches", "polls whose client left"),
    ("snapshots_installed", "snapshots that a server received from another"),
    ("deposed_reads", "reads asked of a server that still thought it led"),
    ("faults", "faults that were installed"),
    ("restarts", "servers that were started again"),
    ("joins", "servers that joined after the setup"),
    ("removes", "servers that were removed"),
    ("transfers", "transfers of leadership that were acknowledged"),
    ("stopped_servers", "servers that stopped by themselves on an error"),
    ("duplicated_writes", "keyed writes that were sent twice"),
    ("refoundings", "clusters that were founded after all servers had lost everything"),
    ("agent_cut_offs", "times that an agent was cut off from all servers"),
    ("agent_criticals", "instances of agents that were seen to turn critical"),
    ("agent_returns", "the same instances that were seen passing again, registered once"),
    ("agent_restorations", "instances of agents that were seen passing in a new cluster too"),
];

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Parses the scenario `text`, called `file` in errors.
///
/// # Errors
/// The first thing that is wrong, with its line, its key, and what would be right.
pub fn parse(file: &str, text: &str) -> Result<Scenario> {
    let source = Source { file, text };
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        source.error(&at, "TOML", error.message().to_owned())
    })?;
    let table = Table::root(source, &root);
    let scenario = Scenario {
        name: read_name(&table.need("name")?)?,
        about: table.need("about")?.string()?,
        cluster: match table.get("cluster") {
            Some(value) => value.table(read_cluster)?,
            None => read_cluster(&Table::root(source, &DeTable::parse("").expect("an empty table")))?,
        },
        workloads: table.tables("workload", read_workload)?,
        faults: table.tables("fault", read_fault)?,
        random: table.maybe("random", |value| value.table(read_random))?,
        phases: table.need("phases")?.table(read_phases)?,
        expect: table.need("expect")?.table(read_expect)?,
        text: text.to_owned(),
    };
    table.finish()?;
    check(&table, scenario)
}

/// The name of a file, which it is, and part of the name of a directory.
fn read_name(value: &Value<'_>) -> Result<String> {
    let name = value.string()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
        let problem = "a name has 1 to 100 letters, digits and - _ . and does not begin with a point";
        return Err(value.error(problem.into()));
    }
    Ok(name)
}

/// What no single key can be blamed for.
fn check(table: &Table<'_>, scenario: Scenario) -> Result<Scenario> {
    if scenario.workloads.is_empty() {
        return Err(
            table.error("workload", "missing: without a [[workload]] nothing is asked and nothing judged".into())
        );
    }
    let agents: Vec<usize> = scenario.workloads.iter().filter_map(Workload::agents).collect();
    if agents.len() > 1 {
        return Err(table.error("workload", "at most one [[workload]] can be of kind \"agents\"".into()));
    }
    let only_agents = agents.len() == scenario.workloads.len();
    if !only_agents && scenario.faults.iter().any(|fault| fault.what == What::LoseEverything) {
        let problem = "lose-everything voids what recorded clients were promised: use it with agents only";
        return Err(table.error("workload", problem.into()));
    }
    check_names(table, &scenario, agents.first().copied().unwrap_or(0))?;
    check_times(table, &scenario)?;
    Ok(scenario)
}

/// A fault that never strikes tests nothing.
fn check_times(table: &Table<'_>, scenario: &Scenario) -> Result<()> {
    let run = scenario.phases.run;
    let late = scenario.faults.iter().position(|fault| matches!(fault.when, When::At(at) if at >= run));
    late.map_or(Ok(()), |late| {
        let run = sider_client::duration::format(run);
        Err(of_fault(table, late, "at", format!("never strikes: the phase run is over after {run}")))
    })
}

/// An error about `key` of the fault `number`.
fn of_fault(table: &Table<'_>, number: usize, key: &str, problem: String) -> ScenarioError {
    let faults = table.get("fault").and_then(|faults| faults.list().ok()).unwrap_or_default();
    faults
        .get(number)
        .map_or_else(|| table.error("fault", problem.clone()), |fault| fault.error_at(key, problem.clone()))
}

/// Targets and clocks name machines that are there.
fn check_names(table: &Table<'_>, scenario: &Scenario, agents: usize) -> Result<()> {
    let servers = scenario.cluster.names();
    let agents: Vec<String> = (0..agents).map(agent_name).collect();
    for (number, fault) in scenario.faults.iter().enumerate() {
        let Target::Named(names) = &fault.target else { continue };
        let problem = match fault.what {
            What::Partition(Shape::Agents) => not_there("agent", names, &agents),
            _ => not_there("server", names, &servers),
        };
        if let Some(problem) = problem {
            return Err(of_fault(table, number, "target", problem));
        }
    }
    if let Some(problem) = not_there("server", scenario.cluster.clocks.keys(), &servers) {
        return Err(table.get("cluster").map_or_else(
            || table.error("cluster", problem.clone()),
            |cluster| cluster.error_at("clock", problem.clone()),
        ));
    }
    let cuts_agents = scenario.faults.iter().any(|fault| fault.what == What::Partition(Shape::Agents));
    if cuts_agents && agents.is_empty() {
        let problem = "shape \"agents\" cuts off agents: it needs a [[workload]] of kind \"agents\"";
        return Err(table.error("workload", problem.into()));
    }
    Ok(())
}

/// What is wrong with `names`, if not all of them are `known`.
fn not_there<'n>(what: &str, names: impl IntoIterator<Item = &'n String>, known: &[String]) -> Option<String> {
    let name = names.into_iter().find(|name| !known.contains(name))?;
    Some(match known {
        [] => format!("unknown {what} {name:?}: this scenario has none"),
        known => format!("unknown {what} {name:?}: this cluster has {}", known.join(", ")),
    })
}

impl Workload {
    /// How many agents it has, if it is of that kind.
    const fn agents(&self) -> Option<usize> {
        match self {
            Self::Agents(load) => Some(load.agents),
            Self::Registry(_) | Self::Watchers(_) | Self::Ttl(_) => None,
        }
    }
}

impl Cluster {
    /// The names of all servers, spares last.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        (1..=self.servers + self.spares).map(|number| format!("n{number}")).collect()
    }
}

fn read_cluster(table: &Table<'_>) -> Result<Cluster> {
    let step = table.or("step", 2 * MS, |value| value.duration_in(MS..=10 * MS))?;
    if !step.subsec_nanos().is_multiple_of(1_000_000) {
        // The machines' timers go in milliseconds: their time would run ahead of the network's.
        return Err(table.error("step", format!("{step:?} is no whole number of milliseconds")));
    }
    let cluster = Cluster {
        step,
        servers: size(table.or("servers", 3, |value| value.count(1..=9))?),
        spares: size(table.or("spares", 0, |value| value.count(0..=4))?),
        heartbeat: table.or("heartbeat", 100 * MS, |value| value.duration_in(10 * MS..=10 * S))?,
        election: table.or("election", (500 * MS, 1000 * MS), |value| value.durations_in(20 * MS..=30 * S))?,
        snapshot_entries: table.or("snapshot_entries", 8192, |value| value.count(2..=1_000_000))?,
        log_keep: table.or("log_keep", 4096, |value| value.count(0..=1_000_000))?,
        sync: table.or("sync", (MS, 4 * MS), |value| value.durations_in(Duration::ZERO..=10 * S))?,
        latency: table.or("latency", (step, (5 * MS).max(step)), |value| value.durations_in(step..=10 * S))?,
        clock_rate: table.or("clock_rate", (1.0, 1.0), |value| value.range(|v| v.number(0.5..=2.0)))?,
        clock_offset_ms: table.or("clock_offset_ms", (0, 0), |value| value.range(offset))?,
        clocks: table.or("clock", BTreeMap::new(), |value| value.table(read_clocks))?,
        map_size: size(table.or("map_mb", 64, |value| value.count(1..=4096))?) << 20,
    };
    if cluster.election.0 <= 2 * cluster.heartbeat {
        let problem = format!(
            "an election time-out of {:?} is not above two heartbeats ({:?})",
            cluster.election.0, cluster.heartbeat
        );
        return Err(table.error("election", problem));
    }
    Ok(cluster)
}

fn read_clocks(table: &Table<'_>) -> Result<BTreeMap<String, Clock>> {
    let clock = |table: &Table<'_>| {
        Ok(Clock {
            rate: table.or("rate", 1.0, |value| value.number(0.5..=2.0))?,
            offset_ms: table.or("offset_ms", 0, |value| offset(&value))?,
        })
    };
    let names: Vec<&'static str> = (1..=13).map(|number| SERVER_NAMES[number - 1]).collect();
    let mut clocks = BTreeMap::new();
    for name in names {
        if let Some(value) = table.get(name) {
            clocks.insert(name.to_owned(), value.table(clock)?);
        }
    }
    Ok(clocks)
}

const SERVER_NAMES: [&str; 13] = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13"];

fn offset(value: &Value<'_>) -> Result<i64> {
    value.integer(-86_400_000..=86_400_000)
}

/// Reads one kind of workload.
type ReadWorkload = fn(&Table<'_>) -> Result<Workload>;

fn read_workload(table: &Table<'_>) -> Result<Workload> {
    let kinds: [(&'static str, ReadWorkload); 4] =
        [("registry", read_registry), ("watchers", read_watchers), ("ttl", read_ttl), ("agents", read_agents)];
    let read = table.need("kind")?.one_of("workload", &kinds)?;
    read(table)
}

fn read_registry(table: &Table<'_>) -> Result<Workload> {
    Ok(Workload::Registry(RegistryLoad {
        clients: size(table.or("clients", 8, |value| value.count(1..=200))?),
        services: size(table.or("services", 3, |value| value.count(1..=100))?),
        instances: size(table.or("instances", 3, |value| value.count(1..=100))?),
        namespaces: size(table.or("namespaces", 1, |value| value.count(1..=8))?),
        think: table.or("think", 80 * MS, |value| value.duration())?,
        timeout: table.or("timeout", 1500 * MS, |value| value.duration_in(10 * MS..=60 * S))?,
        mix: table.or("mix", DEFAULT_MIX, |value| value.table(read_mix))?,
        modes: table.or("modes", [4, 1, 2], |value| value.table(read_modes))?,
        keyed: table.or("keyed", 0.5, |value| value.share())?,
        floor: table.or("floor", 0.5, |value| value.share())?,
        retries: table.or("retries", 2, |value| value.count(0..=10))?,
    }))
}

const DEFAULT_MIX: Mix =
    Mix { register: 6, deregister: 2, deregister_id: 1, renew: 2, renew_many: 1, report: 2, read: 8, list: 1 };

fn read_mix(table: &Table<'_>) -> Result<Mix> {
    let weight = |key| table.or(key, 0, |value| value.count(0..=1000));
    let mix = Mix {
        register: weight("register")?,
        deregister: weight("deregister")?,
        deregister_id: weight("deregister_id")?,
        renew: weight("renew")?,
        renew_many: weight("renew_many")?,
        report: weight("report")?,
        read: weight("read")?,
        list: weight("list")?,
    };
    table.finish()?;
    if mix.weights().iter().all(|(_, weight)| *weight == 0) {
        return Err(table.wrong("all weights are 0: give at least one operation a weight".into()));
    }
    Ok(mix)
}

fn read_modes(table: &Table<'_>) -> Result<[u64; 3]> {
    let weight = |key| table.or(key, 0, |value| value.count(0..=1000));
    let modes = [weight("default")?, weight("consistent")?, weight("stale")?];
    table.finish()?;
    if modes == [0; 3] {
        return Err(table.wrong("all weights are 0: give at least one mode a weight".into()));
    }
    Ok(modes)
}

fn read_watchers(table: &Table<'_>) -> Result<Workload> {
    let share = |key| table.or(key, 0.0, |value| value.share());
    Ok(Workload::Watchers(WatcherLoad {
        clients: size(table.or("clients", 6, |value| value.count(1..=2000))?),
        wait: table.or("wait", (500 * MS, 4000 * MS), |value| value.durations_in(10 * MS..=600 * S))?,
        hop: share("hop")?,
        abandon: share("abandon")?,
        passing: share("passing")?,
        stale: share("stale")?,
        bogus: share("bogus")?,
    }))
}

fn read_ttl(table: &Table<'_>) -> Result<Workload> {
    Ok(Workload::Ttl(TtlLoad {
        checks: size(table.or("checks", 6, |value| value.count(1..=200))?),
        ttl: table.or("ttl", (1500 * MS, 3000 * MS), |value| value.durations_in(100 * MS..=3600 * S))?,
        renew_at: table.or("renew_at", 0.66, |value| value.number(0.05..=0.95))?,
        silent: table.or("silent", 0.5, |value| value.share())?,
        silent_after: table.or("silent_after", (4000 * MS, 12_000 * MS), |value| value.durations())?,
        readers: size(table.or("readers", 2, |value| value.count(0..=50))?),
    }))
}

fn read_agents(table: &Table<'_>) -> Result<Workload> {
    Ok(Workload::Agents(AgentLoad {
        agents: size(table.or("agents", 1, |value| value.count(1..=5))?),
        services: size(table.or("services", 2, |value| value.count(1..=20))?),
        ttl: table.or("ttl", 3000 * MS, |value| value.duration_in(100 * MS..=3600 * S))?,
        intruder: table.or("intruder", true, |value| value.bool())?,
    }))
}

fn read_phases(table: &Table<'_>) -> Result<Phases> {
    Ok(Phases {
        run: table.need("run")?.duration_in(S..=3600 * S)?,
        settle: table.or("settle", 15 * S, |value| value.duration_in(S..=600 * S))?,
        quorum_only: table.or("quorum_only", 0.0, |value| value.share())?,
        recheck: table.or("recheck", 5 * S, |value| value.duration_in(S..=600 * S))?,
    })
}

fn read_expect(table: &Table<'_>) -> Result<Expect> {
    let violated = table.or("violated", Vec::new(), |value| properties(&value))?;
    let exercised = table.or("exercised", Vec::new(), |value| properties(&value))?;
    let min = table.or("min", BTreeMap::new(), |value| {
        value.table(|table| {
            let mut min = BTreeMap::new();
            for (name, _) in COVERAGE {
                if let Some(value) = table.get(name) {
                    min.insert((*name).to_owned(), value.count(1..=1_000_000)?);
                }
            }
            Ok(min)
        })
    })?;
    table.finish()?;
    if violated.is_empty() && min.is_empty() {
        return Err(table.error(
            "min",
            "missing: say what a run must have covered, or it would pass without having tested anything".into(),
        ));
    }
    Ok(Expect { violated, exercised, min })
}

fn properties(value: &Value<'_>) -> std::result::Result<Vec<Property>, ScenarioError> {
    let known: Vec<(&'static str, Property)> =
        Property::ALL.iter().map(|property| (property.id(), *property)).collect();
    value.list()?.iter().map(|item| item.one_of("property", &known)).collect()
}

impl Mix {
    /// The operations by name with their weights.
    #[must_use]
    pub fn weights(&self) -> [(&'static str, u64); 8] {
        [
            ("register", self.register),
            ("deregister", self.deregister),
            ("deregister_id", self.deregister_id),
            ("renew", self.renew),
            ("renew_many", self.renew_many),
            ("report", self.report),
            ("read", self.read),
            ("list", self.list),
        ]
    }
}

fn size(count: u64) -> usize {
    usize::try_from(count).expect("a bounded count")
}
