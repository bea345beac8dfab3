//! What the fault lines say: which fault was active when, on which servers. Knows nothing of calls or answers.
//!
//! A fault begins with its line and ends with the line that undoes it (`heal`, `restart`, `resume`, a clock set right)
//! or with the phase `settle`, before which the nemesis undoes everything. A name that is not known here counts as a
//! fault that lasts until then: what is not understood is never taken for health.

use crate::history::{Fault, FaultOutcome, Time};

/// One fault from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ActiveFault {
    pub name: String,
    pub from: Time,
    /// [`Time::NEVER`]: it never ended.
    pub to: Time,
    /// The servers that it names; empty: it names none, and may concern any.
    pub targets: Vec<String>,
    /// The directed links that it cuts or slows, if it names them.
    pub links: Vec<(String, String)>,
    pub outcome: FaultOutcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Network,
    Down,
    Pause,
    Clock,
    Disk,
    /// Happens at one moment: a flipped byte, an older disk image, a change of the cluster that was asked for.
    Instant,
}

fn class(name: &str) -> Class {
    match name {
        "crash" | "power-loss" | "stop" | "kill" | "wipe" => Class::Down,
        "pause" => Class::Pause,
        "clock" => Class::Clock,
        "disk-error" | "disk-full" | "slow-disk" => Class::Disk,
        "flip-byte" | "lying-disk" | "torn-write" | "ask-join" | "ask-remove" | "ask-transfer" => Class::Instant,
        _ => Class::Network,
    }
}

/// What a line undoes.
fn undoes(name: &str) -> Option<&'static [Class]> {
    match name {
        "heal" => Some(&[Class::Network]),
        "restart" | "start" => Some(&[Class::Down, Class::Disk, Class::Pause]),
        "resume" => Some(&[Class::Pause]),
        "disk-heal" => Some(&[Class::Disk]),
        "clock-reset" => Some(&[Class::Clock]),
        _ => None,
    }
}

/// The faults of a history, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub active: Vec<ActiveFault>,
    /// Lines that stop or start a server, deliberately or not: time and targets.
    pub lifecycle: Vec<(Time, Vec<String>)>,
    /// Phases: time and name.
    pub phases: Vec<(Time, String)>,
    /// Highest and lowest clock rate that any line set.
    pub rate_max: f64,
    pub rate_min: f64,
}

impl Faults {
    /// Reads the fault lines.
    pub(crate) fn read(lines: &[Fault]) -> Self {
        let mut faults = Self { rate_max: 1.0, rate_min: 1.0, ..Self::default() };
        for line in lines {
            faults.take(line);
        }
        faults
    }

    fn take(&mut self, line: &Fault) {
        if let Some(phase) = line.phase() {
            if phase == "settle" {
                self.end(line.time, &[Class::Network, Class::Down, Class::Pause, Class::Clock, Class::Disk], &[], &[]);
            }
            self.phases.push((line.time, phase.to_owned()));
            return;
        }
        let outcome = line.outcome.unwrap_or(FaultOutcome::Installed);
        if outcome == FaultOutcome::Skipped {
            return;
        }
        let targets: Vec<String> = line.targets().map(str::to_owned).collect();
        let links: Vec<(String, String)> = line.links().map(|(from, to)| (from.to_owned(), to.to_owned())).collect();
        if matches!(class(&line.name), Class::Down) || matches!(line.name.as_str(), "restart" | "start") {
            self.lifecycle.push((line.time, targets.clone()));
        }
        if let Some(classes) = undoes(&line.name) {
            // An undoing that may not have happened undoes nothing.
            if outcome == FaultOutcome::Installed {
                self.end(line.time, classes, &targets, &links);
            }
            return;
        }
        self.begin(line, outcome, targets, links);
    }

    fn begin(&mut self, line: &Fault, outcome: FaultOutcome, targets: Vec<String>, links: Vec<(String, String)>) {
        let class = class(&line.name);
        if class == Class::Clock {
            self.end(line.time, &[Class::Clock], &targets, &[]);
            let rates = ["rate", "clock_rate_max", "clock_rate_min"]
                .map(|key| line.value.get(key).and_then(serde_json::Value::as_f64));
            for rate in rates.into_iter().flatten().filter(|rate| *rate > 0.0) {
                self.rate_max = self.rate_max.max(rate);
                self.rate_min = self.rate_min.min(rate);
            }
        }
        let to = if class == Class::Instant { line.time } else { Time::NEVER };
        self.active.push(ActiveFault { name: line.name.clone(), from: line.time, to, targets, links, outcome });
    }

    /// Ends the open faults of some classes. A line without targets and links ends all of them; one with targets takes
    /// them from a fault, which ends when none is left.
    fn end(&mut self, at: Time, classes: &[Class], targets: &[String], links: &[(String, String)]) {
        for fault in
            self.active.iter_mut().filter(|fault| fault.to == Time::NEVER && classes.contains(&class(&fault.name)))
        {
            let all = targets.is_empty() && links.is_empty();
            let over = all
                || !fault.links.is_empty() && fault.links.iter().all(|link| links.contains(link))
                || !fault.targets.is_empty() && fault.targets.iter().all(|target| targets.contains(target));
            if over {
                fault.to = at;
            }
        }
    }

    /// Whether a fault other than a cut between servers touched what lies between a client and `node`, or stopped
    /// `node`, between `from` and `to`: then an answer may have been lost on its way, and silence proves nothing.
    pub(crate) fn may_cut_off(&self, node: &str, servers: &[String], from: Time, to: Time) -> bool {
        self.stopped(node, from, to)
            || self
                .active
                .iter()
                .any(|fault| fault.from <= to && fault.to >= from && fault.may_reach_clients(node, servers))
    }

    /// When the cluster was not whole, fault by fault. A clock that runs fast, slow or wrong makes nobody unreachable: its
    /// rate is in the bounds, and a step must change nothing.
    pub(crate) fn disturbances(&self) -> impl Iterator<Item = (Time, Time)> {
        let active =
            self.active.iter().filter(|fault| class(&fault.name) != Class::Clock).map(|fault| (fault.from, fault.to));
        active.chain(self.lifecycle.iter().map(|(time, _)| (*time, *time)))
    }

    /// Whether a line stopped or started `node` between two moments: a server that stops answers its polls at once.
    pub(crate) fn stopped(&self, node: &str, from: Time, to: Time) -> bool {
        self.lifecycle.iter().any(|(time, targets)| {
            from <= *time && *time <= to && (targets.is_empty() || targets.iter().any(|target| target == node))
        })
    }

    /// When the phase `name` began, if it did.
    pub(crate) fn phase(&self, name: &str) -> Option<Time> {
        self.phases.iter().find(|(_, phase)| phase == name).map(|(time, _)| *time)
    }
}

impl ActiveFault {
    fn may_reach_clients(&self, node: &str, servers: &[String]) -> bool {
        match class(&self.name) {
            Class::Network if !self.links.is_empty() => {
                !self.links.iter().all(|(from, to)| servers.contains(from) && servers.contains(to))
            }
            Class::Network => true,
            Class::Instant | Class::Clock => false,
            Class::Down | Class::Pause | Class::Disk => self.concerns(node),
        }
    }

    /// Whether the fault names `node`, or names nobody.
    pub(crate) fn concerns(&self, node: &str) -> bool {
        (self.targets.is_empty() && self.links.is_empty())
            || self.targets.iter().any(|target| target == node)
            || self.links.iter().any(|(from, to)| from == node || to == node)
    }
}
