//! What clients and the run share. Clients look at it between two calls; the run changes it between two steps.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use crate::invariants::Finding;
use crate::record::Record;
use crate::seeds::Seeds;
use crate::sim::timers;

/// How often the operator looks for a request, and an observer at what it observes.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Servers start and join.
    Setup,
    /// Load and faults.
    Run,
    /// The faults stop; watchers and renewals go on.
    Settle,
    /// Calls that must succeed.
    Recheck,
    /// Watchers catch up.
    Drain,
    /// Everybody stops.
    End,
}

/// A service of a namespace.
pub type ServiceName = (String, String);

/// A change of membership or leadership that the nemesis asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// A server joins.
    Join(String),
    /// A server is removed.
    Remove(String),
    /// Leadership goes to a server, or to whoever is furthest.
    Transfer(Option<String>),
}

/// See the module.
#[derive(Debug)]
pub struct Shared {
    /// The record.
    pub record: Record,
    /// The run's seed.
    pub seeds: Seeds,
    /// Where the run stands.
    phase: watch::Sender<Phase>,
    /// Servers that clients ask.
    pub members: RefCell<Vec<String>>,
    /// Servers that were members and are none now.
    pub removed: RefCell<Vec<String>>,
    /// Share of the keyed writes that is sent twice.
    pub duplicate: Cell<f64>,
    /// What the nemesis asks for, in order; what is being done stands in front.
    pub admin: RefCell<VecDeque<Admin>>,
    /// Last index each watcher has seen of its service.
    pub watched: RefCell<BTreeMap<usize, (ServiceName, u64)>>,
    /// Index of each watched service at the end, as a consistent read says.
    pub final_index: RefCell<BTreeMap<ServiceName, u64>>,
    /// Servers through which a write and a read succeeded after the faults.
    pub rechecked: RefCell<BTreeMap<String, (bool, bool)>>,
    /// Agents, and whether all their instances were seen at the end.
    pub agents: RefCell<BTreeMap<usize, bool>>,
    /// Counters of what clients did.
    pub counts: RefCell<BTreeMap<&'static str, u64>>,
    /// How often a new cluster has taken the place of one that was lost.
    pub clusters: Cell<u64>,
    /// Why the memory file system under the simulated disks failed, if it did.
    pub disk_failure: RefCell<Option<String>>,
    /// What observers found broken since the run last looked.
    pub findings: RefCell<Vec<Finding>>,
}

impl Shared {
    /// Shared by the run of `seeds` with `members`.
    #[must_use]
    pub fn new(record: Record, seeds: Seeds, members: Vec<String>) -> Rc<Self> {
        Rc::new(Self {
            record,
            seeds,
            phase: watch::Sender::new(Phase::Setup),
            members: RefCell::new(members),
            removed: RefCell::default(),
            duplicate: Cell::new(0.0),
            admin: RefCell::default(),
            watched: RefCell::default(),
            final_index: RefCell::default(),
            rechecked: RefCell::default(),
            agents: RefCell::default(),
            counts: RefCell::default(),
            clusters: Cell::new(0),
            disk_failure: RefCell::default(),
            findings: RefCell::default(),
        })
    }

    /// Counts one of `name`.
    pub fn count(&self, name: &'static str) {
        *self.counts.borrow_mut().entry(name).or_default() += 1;
    }

    /// How many of `name` were counted.
    #[must_use]
    pub fn counted(&self, name: &str) -> u64 {
        self.counts.borrow().get(name).copied().unwrap_or(0)
    }

    /// Where the run stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// `phase` begins.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until the run has reached `phase`.
    pub async fn reached(&self, phase: Phase) {
        // The sender lives as long as this future.
        let _reached = self.phase.subscribe().wait_for(|now| *now >= phase).await.is_ok();
    }

    /// Sleeps for `time`, or less if the run reaches `phase`. Answers whether it did not.
    pub async fn sleep_before(&self, time: Duration, phase: Phase) -> bool {
        tokio::select! {
            biased;
            () = self.reached(phase) => false,
            () = timers::sleep(time) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::record::trace::{Depth, Trace};

    const MS: Duration = Duration::from_millis(1);

    fn shared() -> Rc<Shared> {
        Shared::new(Record::new(Trace::new(Depth::Record, None)), Seeds(1), Vec::new())
    }

    /// The phase `Run` begins after 5 ms, and after 5 more `Recheck`: nobody is ever told of `Settle`.
    async fn phases(shared: &Shared) {
        for phase in [Phase::Run, Phase::Recheck] {
            sleep(5 * MS).await;
            shared.enter(phase);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_phase_ends_when_it_or_a_later_one_begins() {
        let shared = shared();
        let begun = Instant::now();
        let reached = async |phase| {
            shared.reached(phase).await;
            begun.elapsed()
        };
        let waits = async { tokio::join!(reached(Phase::Setup), reached(Phase::Run), reached(Phase::Settle)) };
        let (waited, ()) = tokio::join!(waits, phases(&shared));
        assert_eq!(waited, (Duration::ZERO, 5 * MS, 10 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_tells_whether_the_phase_cut_it_short() {
        let shared = shared();
        let begun = Instant::now();
        let slept = async |time| (shared.sleep_before(time, Phase::Settle).await, begun.elapsed());
        let sleeps = async { tokio::join!(slept(7 * MS), slept(3600 * 1000 * MS)) };
        let (slept_for, ()) = tokio::join!(sleeps, phases(&shared));
        assert_eq!(slept_for, ((true, 7 * MS), (false, 10 * MS)));
        // It has begun long since: not even a sleep of no time is whole.
        assert_eq!(slept(Duration::ZERO).await, (false, 10 * MS));
    }
}
