//! What the judge can say: properties, violations, findings, the report and its verdict. Knows nothing of how they are found.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! properties {
    ($($variant:ident $id:literal $text:literal,)*) => {
        /// A property of SPEC section 10 that the judge decides.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Property { $($variant,)* }

        impl Property {
            /// All of them, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The id that verdicts name, such as `LIN-1`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// One sentence: what is promised.
            pub const fn promise(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

properties! {
    Lin1 "LIN-1" "writes and reads have a legal total order that respects real time",
    Lin2 "LIN-2" "the Index agrees with that order, across services too",
    Lin3 "LIN-3" "a write with an idempotency key takes effect at most once; its retry returns the first answer",
    Lin4 "LIN-4" "a command that touches several services is visible at one index",
    Rd1 "RD-1" "the body of a stale read is the state at its applied index",
    Rd2 "RD-2" "stale reads are monotone per client and server, and across servers with a floor",
    Rd3 "RD-3" "the last contact of a stale read is never below the true lag",
    W1 "W-1" "body and index of an answer are one state",
    W2 "W-2" "the index of an answer is never below the index asked with",
    W3 "W-3" "per server, the index of a service never goes back",
    W4 "W-4" "no wake-up is lost: the poll answers within 50 ms of the change",
    W5 "W-5" "no wake-up is spurious",
    W6 "W-6" "changes of other services wake no poll",
    W7 "W-7" "a time-out comes within its window, with the full current body",
    W8 "W-8" "no answer is from the future",
    W9 "W-9" "the index is at least 1; an index never issued answers at once",
    W10 "W-10" "chained polls end at the last index of the service",
    W11 "W-11" "the index of a service outlives its last instance",
    W12 "W-12" "an installed snapshot wakes every poll whose service moved",
    W13 "W-13" "the poll of a client that left is gone within 1 s",
    W14 "W-14" "a filtered poll wakes when an instance leaves the passing set",
    Ttl1 "TTL-1" "no expiry is early",
    Ttl2 "TTL-2" "a silent check expires in time, and its watchers know",
    Ttl3 "TTL-3" "a check that is renewed in time never flaps",
    Ttl4 "TTL-4" "only the leader proposes an expiry",
    Ttl5 "TTL-5" "a check is critical until the first pass",
    Ttl6 "TTL-6" "a new leader expires nothing before a whole TTL",
    Ttl8 "TTL-8" "clock steps expire nothing early",
    Rep1 "REP-1" "equal applied positions have equal state hashes",
    Rep2 "REP-2" "Raft's own invariants",
    Rep3 "REP-3" "a restored snapshot equals the replay to its index",
    Dur1 "DUR-1" "acknowledged writes survive crashes",
    Dur2 "DUR-2" "acknowledged writes survive the loss of power everywhere",
    Dur3 "DUR-3" "an acknowledged deregistration never comes back",
    Dur4 "DUR-4" "a damaged record is never served",
    Dur5 "DUR-5" "a full or failing disk acknowledges nothing",
    Mem1 "MEM-1" "there is at most one leader a term",
    Mem2 "MEM-2" "commits need every active quorum",
    Mem3 "MEM-3" "a removed server serves nothing consistent",
    Mem4 "MEM-4" "a wiped server does not vote under its old identity",
    Mem5 "MEM-5" "a join can be repeated",
    Live1 "LIVE-1" "after the faults: one leader, one configuration, equal hashes",
    Live2 "LIVE-2" "after the faults: writes and reads succeed",
    Live3 "LIVE-3" "after the faults: every watcher reaches the last index",
    Live4 "LIVE-4" "a connected quorum lives while other faults stay",
    Ag1 "AG-1" "the agent registers again after the cluster lost it",
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Something in the run that a violation rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// A call: position in `History::calls`.
    Call(u32),
    /// A fault line: position in `History::faults`.
    Fault(u32),
    /// A line (from 1) of a white-box file, named relative to the run directory.
    Record { file: String, line: u32 },
}

/// A broken promise, with the smallest evidence that was found for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub property: Property,
    /// One sentence: what went wrong, with the names involved.
    pub summary: String,
    /// In the order in which a reader should look at it.
    pub evidence: Vec<Evidence>,
    /// Lines that say what was seen, what had to be, and why.
    pub explanation: Vec<String>,
}

/// What became of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing in the run could have broken it.
    NotExercised,
    /// It held for that many observations.
    Held { observations: u64 },
    /// The judge gave up, and why. The run does not pass.
    Undecided { reason: String },
    /// It was broken.
    Violated { violations: u64, observations: u64 },
}

/// Collects what the passes find.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    observations: BTreeMap<Property, u64>,
    undecided: BTreeMap<Property, String>,
    violations: Vec<Violation>,
}

/// Violations kept of one property; the rest is only counted.
pub const VIOLATIONS_KEPT: usize = 20;

impl Findings {
    /// `observations` facts of the run could have broken `property`, and were looked at.
    pub fn checked(&mut self, property: Property, observations: u64) {
        *self.observations.entry(property).or_default() += observations;
    }

    /// A promise was broken.
    pub fn violated(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// `property` could not be decided.
    pub fn undecided(&mut self, property: Property, reason: impl Into<String>) {
        self.undecided.entry(property).or_insert_with(|| reason.into());
    }

    /// The report, with every property in it.
    pub fn into_report(mut self, calls: usize, required: &[Property]) -> Report {
        let statuses = Property::ALL.iter().map(|&property| (property, self.status(property))).collect();
        let missing =
            required.iter().copied().filter(|property| self.status(*property) == Status::NotExercised).collect();
        let mut kept: BTreeMap<Property, usize> = BTreeMap::new();
        self.violations.sort_by_key(|violation| violation.property);
        self.violations.retain(|violation| {
            let count = kept.entry(violation.property).or_default();
            *count += 1;
            *count <= VIOLATIONS_KEPT
        });
        Report { calls, statuses, violations: self.violations, missing }
    }

    fn status(&self, property: Property) -> Status {
        let observations = self.observations.get(&property).copied().unwrap_or(0);
        let violations = self.violations.iter().filter(|violation| violation.property == property).count() as u64;
        match self.undecided.get(&property) {
            _ if violations > 0 => Status::Violated { violations, observations },
            Some(reason) => Status::Undecided { reason: reason.clone() },
            None if observations == 0 => Status::NotExercised,
            None => Status::Held { observations },
        }
    }
}

/// Everything the judge found out about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Number of calls in the history.
    pub calls: usize,
    /// One entry per property, in the order of [`Property::ALL`].
    pub statuses: Vec<(Property, Status)>,
    /// By property; at most [`VIOLATIONS_KEPT`] of each.
    pub violations: Vec<Violation>,
    /// Properties that had to be exercised and were not.
    pub missing: Vec<Property>,
}

impl Report {
    /// The verdict: the worst thing found.
    pub fn verdict(&self) -> Verdict {
        let any = |test: fn(&Status) -> bool| self.statuses.iter().any(|(_, status)| test(status));
        if any(|status| matches!(status, Status::Violated { .. })) {
            Verdict::Violated
        } else if any(|status| matches!(status, Status::Undecided { .. })) {
            Verdict::Unknown
        } else if !self.missing.is_empty() || !any(|status| matches!(status, Status::Held { .. })) {
            Verdict::Vacuous
        } else {
            Verdict::Pass
        }
    }

    /// What became of `property`.
    pub fn status(&self, property: Property) -> &Status {
        let found = self.statuses.iter().find(|(of, _)| *of == property);
        found.map_or(&Status::NotExercised, |(_, status)| status)
    }
}

/// The outcome of a run. Only [`Verdict::Pass`] passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Pass,
    Violated,
    /// The budget was used up.
    Unknown,
    /// The harness failed, or the history cannot be read. The judge never says it of a history that it could read.
    HarnessFailure,
    /// The required coverage was not reached.
    Vacuous,
    /// Two runs of one seed differ. Only the harness can find that out.
    NonDeterministic,
}

/// Exit code of a command line that makes no sense.
pub const EXIT_USAGE: u8 = 64;

impl Verdict {
    /// Exit code of a process that ends with this verdict.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Violated => 1,
            Self::Unknown => 2,
            Self::HarnessFailure => 3,
            Self::Vacuous => 4,
            Self::NonDeterministic => 5,
        }
    }

    /// One word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Violated => "violated",
            Self::Unknown => "unknown",
            Self::HarnessFailure => "harness-failure",
            Self::Vacuous => "vacuous",
            Self::NonDeterministic => "non-deterministic",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
