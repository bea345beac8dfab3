//! The tables of faults: `[[fault]]` and `[random]`.

use std::time::Duration;

use super::model::{DiskError, Family, Fault, Random, Shape, Target, What, When};
use super::reader::{Result, Table, Value, unknown};

/// Things that happen in a server, for `when = { event = .. }`.
const EVENTS: &[&str] = &[
    "leader",
    "candidate",
    "follower",
    "expire-proposed",
    "register",
    "deregister",
    "report",
    "expire",
    "noop",
    "membership",
    "install",
];

/// Named points of the server's code, for `when = { point = .. }`.
const POINTS: &[&str] = &[
    "log.before_commit",
    "log.after_commit",
    "snapshot.before_commit",
    "snapshot.before_install",
    "read.before_confirm",
    "renew.before_confirm",
    "transfer.before_ask",
];

const SHAPES: &[(&str, Shape)] = &[
    ("halves", Shape::Halves),
    ("one", Shape::One),
    ("random", Shape::Random),
    ("leader-minority", Shape::LeaderMinority),
    ("one-way-out", Shape::OneWayOut),
    ("one-way-in", Shape::OneWayIn),
    ("all-but-one", Shape::AllButOne),
    ("bridge", Shape::Bridge),
    ("ring", Shape::Ring),
    ("agents", Shape::Agents),
];

const FAMILIES: &[(&str, Family)] = &[
    ("net", Family::Net),
    ("crash", Family::Crash),
    ("power", Family::Power),
    ("pause", Family::Pause),
    ("clock", Family::Clock),
    ("disk", Family::Disk),
    ("raft", Family::Raft),
    ("members", Family::Members),
];

/// Reads one what from the keys of its table.
type ReadWhat = fn(&Table<'_>) -> Result<What>;

const WHATS: &[(&str, ReadWhat)] = &[
    ("partition", |table| table.need("shape")?.one_of("shape", SHAPES).map(What::Partition)),
    ("delay", |table| table.need("by")?.duration().map(What::Delay)),
    ("loss", |table| table.need("share")?.share().map(What::Loss)),
    ("duplicate", |table| table.need("share")?.share().map(What::Duplicate)),
    ("crash", |_| Ok(What::Crash)),
    ("power-loss", |_| Ok(What::PowerLoss)),
    ("stop", |_| Ok(What::Stop)),
    ("pause", |_| Ok(What::Pause)),
    ("clock-step", |table| table.need("by_ms")?.integer(-86_400_000..=86_400_000).map(What::ClockStep)),
    ("disk-error", |table| {
        let errors = [("io", DiskError::Io), ("full", DiskError::Full)];
        table.or("error", DiskError::Io, |value| value.one_of("error", &errors)).map(What::DiskError)
    }),
    ("slow-disk", |table| table.need("by")?.duration().map(What::SlowDisk)),
    ("lying-disk", |_| Ok(What::LyingDisk)),
    ("flip-byte", |_| Ok(What::FlipByte)),
    ("wipe", |_| Ok(What::Wipe)),
    ("lose-everything", |_| Ok(What::LoseEverything)),
    ("transfer", |_| Ok(What::Transfer)),
    ("elect", |_| Ok(What::Elect)),
    ("join", |_| Ok(What::Join)),
    ("remove", |_| Ok(What::Remove)),
    ("replace", |_| Ok(What::Replace)),
];

/// Reads a `[[fault]]`.
pub(super) fn read_fault(table: &Table<'_>) -> Result<Fault> {
    let when = match (table.get("at"), table.get("when")) {
        (Some(at), None) => When::At(at.duration()?),
        (None, Some(when)) => when.table(read_when)?,
        _ => {
            let problem = "a fault needs either at = \"5s\" or when = { event = .. }";
            let misspelt = table.misspelt("at").or_else(|| table.misspelt("when"));
            return Err(misspelt.unwrap_or_else(|| table.error("at", problem.into())));
        }
    };
    let every = table.maybe("every", |value| value.duration())?;
    let fault = Fault {
        every,
        times: table.or("times", if every.is_some() { u64::MAX } else { 1 }, |value| value.count(1..=100_000))?,
        lasts: table.maybe("for", |value| value.duration())?,
        what: table.need("do")?.one_of("fault", WHATS)?(table)?,
        target: table.or("target", Target::Any, |value| read_target(&value))?,
        when,
    };
    if !matches!(fault.when, When::At(_)) && fault.every.is_some() {
        let problem = "a trigger strikes each time that it happens: every is for faults at a fixed time";
        return Err(table.error("every", problem.into()));
    }
    if matches!(fault.when, When::At(_)) && fault.target == Target::Here {
        return Err(table.error("target", "\"here\" is where an event happened: it needs when = { .. }".into()));
    }
    if matches!(fault.when, When::At(_)) && fault.every.is_none() && fault.times > 1 {
        return Err(table.error("times", "a fault at a fixed time strikes once: repeat it with every = \"3s\"".into()));
    }
    if fault.every.is_some_and(|every| every < Duration::from_millis(10)) {
        return Err(table.error("every", "a fault strikes at most every 10ms".into()));
    }
    check_target(table, &fault)?;
    Ok(fault)
}

/// Faults that cannot strike everybody.
fn check_target(table: &Table<'_>, fault: &Fault) -> Result<()> {
    let (any, all, named) =
        (fault.target == Target::Any, fault.target == Target::All, matches!(fault.target, Target::Named(_)));
    match fault.what {
        What::LoseEverything if !any && !all => {
            Err(table.error("target", "lose-everything strikes all servers: leave the target out".into()))
        }
        What::Partition(Shape::Agents) if !any && !all && !named => {
            let problem = "shape \"agents\" cuts off agents: the target is \"any\", \"all\", \"agent-0\" or a list";
            Err(table.error("target", problem.into()))
        }
        _ => Ok(()),
    }
}

fn read_when(table: &Table<'_>) -> Result<When> {
    let nth = table.or("nth", 1, |value| value.count(1..=1_000_000))?;
    match (table.get("event"), table.get("point")) {
        (Some(value), None) => Ok(When::Event { event: known("event", &value, EVENTS)?, nth }),
        (None, Some(value)) => Ok(When::Point { point: known("point", &value, POINTS)?, nth }),
        _ => Err(table.error("event", "a trigger needs either event = \"..\" or point = \"..\"".into())),
    }
}

fn known(what: &str, value: &Value<'_>, names: &[&str]) -> Result<String> {
    let text = value.string()?;
    if names.contains(&text.as_str()) { Ok(text) } else { Err(value.error(unknown(what, &text, names))) }
}

fn read_target(value: &Value<'_>) -> Result<Target> {
    if let Ok(names) = value.strings() {
        let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        return match twice {
            Some((_, name)) => Err(value.error(format!("names {name:?} twice"))),
            None if names.is_empty() => Err(value.error("empty: name at least one machine".into())),
            None => Ok(Target::Named(names)),
        };
    }
    let roles = [
        ("leader", Target::Leader),
        ("follower", Target::Follower),
        ("any", Target::Any),
        ("minority", Target::Minority),
        ("leader-minority", Target::LeaderMinority),
        ("all", Target::All),
        ("here", Target::Here),
        ("spare", Target::Spare),
    ];
    let text = value.string()?;
    if let Some((_, target)) = roles.iter().find(|(name, _)| *name == text) {
        return Ok(target.clone());
    }
    let numbered = |prefix| text.strip_prefix(prefix).is_some_and(|number| number.parse::<u8>().is_ok());
    if numbered("n") || numbered("agent-") {
        return Ok(Target::Named(vec![text]));
    }
    let names: Vec<&str> = roles.iter().map(|(name, _)| *name).chain(["n1", "agent-0"]).collect();
    Err(value.error(unknown("target", &text, &names)))
}

/// Reads `[random]`.
pub(super) fn read_random(table: &Table<'_>) -> Result<Random> {
    let families = table.need("families")?;
    let random = Random {
        families: families.list()?.iter().map(|item| item.one_of("family", FAMILIES)).collect::<Result<_>>()?,
        p_family: table.or("p_family", 0.5, |value| value.share())?,
        every: table.or("every", (Duration::from_millis(500), Duration::from_secs(4)), |value| {
            value.durations_in(Duration::from_millis(10)..=Duration::from_secs(3600))
        })?,
        lasts: table.or("for", (Duration::from_millis(300), Duration::from_secs(4)), |value| value.durations())?,
        majority_may_fail: table.or("majority_may_fail", false, |value| value.bool())?,
    };
    if random.families.is_empty() {
        return Err(families.error("empty: name at least one family".into()));
    }
    Ok(random)
}
