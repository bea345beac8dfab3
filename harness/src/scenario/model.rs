//! What a scenario says, parsed: values are in range and names are known. Knows nothing of TOML or of the simulation.

use std::collections::BTreeMap;
use std::time::Duration;

use linearizability::verdict::Property;

/// Lowest and highest, both included.
pub type Span<T> = (T, T);

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// As in the file; the file is named after it.
    pub name: String,
    /// One sentence for people.
    pub about: String,
    /// The cluster.
    pub cluster: Cluster,
    /// Who uses it.
    pub workloads: Vec<Workload>,
    /// Faults at fixed times and on triggers.
    pub faults: Vec<Fault>,
    /// Faults drawn from the seed.
    pub random: Option<Random>,
    /// How long what lasts.
    pub phases: Phases,
    /// What must come out.
    pub expect: Expect,
    /// The text it was parsed from.
    pub text: String,
}

/// The servers and the network between them.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Members from the beginning: `n1` to `n<servers>`.
    pub servers: usize,
    /// Servers that may join later; their names follow.
    pub spares: usize,
    /// One step of the simulation: messages arrive between steps, and faults strike there.
    pub step: Duration,
    /// Raft's heartbeat.
    pub heartbeat: Duration,
    /// Raft's election time-out.
    pub election: Span<Duration>,
    /// Entries after which a snapshot is built.
    pub snapshot_entries: u64,
    /// Entries kept in the log behind a snapshot.
    pub log_keep: u64,
    /// What a commit to disk takes.
    pub sync: Span<Duration>,
    /// What a message takes.
    pub latency: Span<Duration>,
    /// Local seconds per true second; one value is drawn for each server.
    pub clock_rate: Span<f64>,
    /// Wall clocks are off by this; one value is drawn for each server.
    pub clock_offset_ms: Span<i64>,
    /// Servers whose clock is given.
    pub clocks: BTreeMap<String, Clock>,
    /// Address space of each LMDB file.
    pub map_size: usize,
}

/// A clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// Local seconds per true second.
    pub rate: f64,
    /// The wall clock is off by this.
    pub offset_ms: i64,
}

/// A kind of user.
#[derive(Debug, Clone)]
pub enum Workload {
    /// Register, deregister, renew, report, read.
    Registry(RegistryLoad),
    /// Chained polls.
    Watchers(WatcherLoad),
    /// Instances with a ttl check that they renew until they fall silent.
    Ttl(TtlLoad),
    /// Real agents.
    Agents(AgentLoad),
}

/// See [`Workload::Registry`].
#[derive(Debug, Clone)]
pub struct RegistryLoad {
    /// Logical clients.
    pub clients: usize,
    /// Services in each namespace.
    pub services: usize,
    /// Instances of each service. 1 is churn of one id.
    pub instances: usize,
    /// Namespaces with the same service names.
    pub namespaces: usize,
    /// Mean pause of a client between two calls; exponential.
    pub think: Duration,
    /// Deadline of a call.
    pub timeout: Duration,
    /// Weights of the operations.
    pub mix: Mix,
    /// Weights of the read modes: default, consistent, stale.
    pub modes: [u64; 3],
    /// Share of the writes that carry an idempotency key.
    pub keyed: f64,
    /// Share of the stale reads that carry the newest index that the client has seen.
    pub floor: f64,
    /// Repetitions of a keyed write whose outcome is unknown.
    pub retries: u64,
}

/// Weights of operations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mix {
    /// PUT register.
    pub register: u64,
    /// PUT deregister with a body.
    pub deregister: u64,
    /// PUT deregister by path.
    pub deregister_id: u64,
    /// PUT check/pass.
    pub renew: u64,
    /// PUT check/renew of several.
    pub renew_many: u64,
    /// PUT check/warn or fail.
    pub report: u64,
    /// GET health/service.
    pub read: u64,
    /// GET catalog/services.
    pub list: u64,
}

/// See [`Workload::Watchers`].
#[derive(Debug, Clone)]
pub struct WatcherLoad {
    /// Logical clients.
    pub clients: usize,
    /// What a poll waits.
    pub wait: Span<Duration>,
    /// Share of the polls that go to another server than the last.
    pub hop: f64,
    /// Share of the polls whose client leaves half way.
    pub abandon: f64,
    /// Share of the polls that ask for passing instances only.
    pub passing: f64,
    /// Share of the polls that are stale.
    pub stale: f64,
    /// Share of the polls that ask with an index that was never given out.
    pub bogus: f64,
}

/// See [`Workload::Ttl`].
#[derive(Debug, Clone)]
pub struct TtlLoad {
    /// Instances, one check each.
    pub checks: usize,
    /// Their ttl.
    pub ttl: Span<Duration>,
    /// A renewal is sent when this share of the ttl is over.
    pub renew_at: f64,
    /// Share of the instances that fall silent.
    pub silent: f64,
    /// When they do, after the start.
    pub silent_after: Span<Duration>,
    /// Readers that look at the instances.
    pub readers: usize,
}

/// See [`Workload::Agents`].
#[derive(Debug, Clone)]
pub struct AgentLoad {
    /// Agents, each on a host of its own.
    pub agents: usize,
    /// Services of each.
    pub services: usize,
    /// Their ttl.
    pub ttl: Duration,
    /// Somebody takes instances out behind the agents' backs. Without: each must stay registered once and as it is.
    pub intruder: bool,
}

/// The machine of agent `number`, and its node name in the registry.
#[must_use]
pub fn agent_name(number: usize) -> String {
    format!("agent-{number}")
}

/// One planned fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// When it strikes.
    pub when: When,
    /// Strikes again after this, if it does.
    pub every: Option<Duration>,
    /// How often it strikes at most.
    pub times: u64,
    /// Undone after this; none: when the faults stop.
    pub lasts: Option<Duration>,
    /// What it does.
    pub what: What,
    /// To whom.
    pub target: Target,
}

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// That long after the start of the phase `run`.
    At(Duration),
    /// At the end of the step in which it happened for the n-th time (and each time after that, up to `times`).
    Event {
        /// `leader`, `expire`, `install`, ...
        event: String,
        /// From 1.
        nth: u64,
    },
    /// The same for a named point in the server's code.
    Point {
        /// `log.before_commit`, ...
        point: String,
        /// From 1.
        nth: u64,
    },
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// Messages between servers are dropped, or those between agents and servers.
    Partition(Shape),
    /// The links of the target are slow.
    Delay(Duration),
    /// The links of the target lose this share of their messages, and what is under way with them.
    Loss(f64),
    /// This share of the keyed writes is sent twice.
    Duplicate(f64),
    /// The process is killed; what was written survives.
    Crash,
    /// The machine loses power; what was not synced is gone.
    PowerLoss,
    /// SIGTERM.
    Stop,
    /// SIGSTOP.
    Pause,
    /// The wall clock steps by so many ms.
    ClockStep(i64),
    /// The next commit fails.
    DiskError(DiskError),
    /// Commits take longer by this.
    SlowDisk(Duration),
    /// Syncs are acknowledged and not done; the power loss that follows shows it.
    LyingDisk,
    /// The server is killed and a byte of a stored record is flipped.
    FlipByte,
    /// The server is killed and its disk emptied.
    Wipe,
    /// All servers are killed and their disks emptied; then an operator founds a new cluster under the old addresses.
    LoseEverything,
    /// Leadership is handed over.
    Transfer,
    /// The leader is held still until another server leads.
    Elect,
    /// A spare or removed server joins.
    Join,
    /// A member is removed.
    Remove,
    /// A member is removed, its disk emptied, and it joins again as a new server.
    Replace,
}

/// How a partition cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A majority and a minority, drawn.
    Halves,
    /// The target alone.
    One,
    /// Each link is cut or not, drawn.
    Random,
    /// The leader and as many others as leave a majority without it.
    LeaderMinority,
    /// What the target sends is lost; it hears.
    OneWayOut,
    /// What is sent to the target is lost; it is heard.
    OneWayIn,
    /// The target sees one other member only; the others see each other.
    AllButOne,
    /// Two halves that only one server sees both of.
    Bridge,
    /// Each server sees its two neighbours in a ring only.
    Ring,
    /// Agents (the target) see no server, and no server them.
    Agents,
}

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskError {
    /// EIO.
    Io,
    /// The map is full.
    Full,
}

/// Who is struck; resolved when the fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever leads.
    Leader,
    /// One member that does not lead.
    Follower,
    /// One member.
    Any,
    /// As many members as leave a majority, without the leader.
    Minority,
    /// The same, with the leader among them.
    LeaderMinority,
    /// All members.
    All,
    /// Where the event happened or the point was reached.
    Here,
    /// A server that is no member.
    Spare,
    /// By name.
    Named(Vec<String>),
}

/// Faults drawn from the seed.
#[derive(Debug, Clone)]
pub struct Random {
    /// Families that may be on.
    pub families: Vec<Family>,
    /// Probability that a family is on in a run (swarm testing). At least one always is.
    pub p_family: f64,
    /// Pause between two faults.
    pub every: Span<Duration>,
    /// How long a fault lasts.
    pub lasts: Span<Duration>,
    /// Faults may take down more than a minority at once.
    pub majority_may_fail: bool,
}

/// Kinds of faults that are on or off together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Partitions, delay, loss, duplicates.
    Net,
    /// Kills.
    Crash,
    /// Losses of power.
    Power,
    /// Pauses.
    Pause,
    /// Steps of wall clocks.
    Clock,
    /// Failing and slow disks.
    Disk,
    /// Transfers and elections.
    Raft,
    /// Join, remove, replace.
    Members,
}

/// How long what lasts.
#[derive(Debug, Clone)]
pub struct Phases {
    /// Faults and clients.
    pub run: Duration,
    /// After the faults stopped: as long as the cluster may take to converge.
    pub settle: Duration,
    /// Probability that only a quorum is healed at first (LIVE-4).
    pub quorum_only: f64,
    /// Writes and reads that must succeed.
    pub recheck: Duration,
}

/// What must come out.
#[derive(Debug, Clone)]
pub struct Expect {
    /// Properties one of which must be reported as violated. Empty: the run must pass.
    pub violated: Vec<Property>,
    /// Properties that the judge must have seen exercised.
    pub exercised: Vec<Property>,
    /// Coverage by name: at least so much.
    pub min: BTreeMap<String, u64>,
}
