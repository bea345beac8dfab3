//! Carries actions out and writes down what came of them.

use std::time::Duration;

use super::action::Action;
use crate::record::history::Struck;
use crate::scenario::model::DiskError;
use crate::sim::cluster::{Cluster, Link};
use crate::workload::agents;
use crate::workload::shared::{Admin, Shared};

/// Does `action` and records it.
pub fn carry_out(action: &Action, cluster: &mut Cluster, shared: &Shared) -> Struck {
    // The line stands before its effects: a crash writes white-box lines of its own.
    let replay = serde_json::to_value(action).expect("an action has a JSON form");
    let outcome = expected(action, cluster);
    shared.record.fault(action.name(), &action.value(), outcome, Some(&replay));
    if outcome == Struck::Skipped {
        return outcome;
    }
    if let Err(error) = act(action, cluster, shared) {
        if error.raw_os_error().is_some() {
            // No fault of the scenario: the real file system refuses.
            *shared.disk_failure.borrow_mut() = Some(error.to_string());
        }
        shared.record.fault(
            action.name(),
            &serde_json::json!({"error": error.to_string()}),
            Struck::Indeterminate,
            None,
        );
        return Struck::Indeterminate;
    }
    if outcome == Struck::Installed && !action.is_relief() {
        shared.count("faults");
    }
    match action {
        Action::Start { targets } => targets.iter().for_each(|_| shared.count("restarts")),
        Action::Cut { links } => agents::hosts(shared)
            .filter(|host| links.iter().any(|(from, _)| from == host))
            .for_each(|_| shared.count("agent_cut_offs")),
        Action::Refound { .. } => shared.count("refoundings"),
        _ => {}
    }
    outcome
}

/// What will come of it: known before, since nothing here waits.
fn expected(action: &Action, cluster: &Cluster) -> Struck {
    let any_up = |targets: &[String]| targets.iter().any(|name| cluster.is_up(name));
    let possible = match action {
        Action::Kill { targets }
        | Action::Pause { targets }
        | Action::Stop { targets }
        | Action::PowerOff { targets } => any_up(targets),
        Action::Start { targets } => targets.iter().any(|name| !cluster.is_up(name)),
        Action::Cut { links } | Action::Mend { links } | Action::Delay { links, .. } | Action::Lose { links, .. } => {
            !links.is_empty()
        }
        // Carried out by an operator, who may fail: the history's own lines say what came of it.
        Action::Join { .. } | Action::Remove { .. } | Action::Transfer { .. } => return Struck::Indeterminate,
        _ => true,
    };
    if possible { Struck::Installed } else { Struck::Skipped }
}

fn act(action: &Action, cluster: &mut Cluster, shared: &Shared) -> std::io::Result<()> {
    match action {
        Action::Cut { links } => links.iter().for_each(|link| cluster.cut(link)),
        Action::Mend { links } => links.iter().for_each(|link| cluster.mend(link)),
        Action::Delay { links, by_ms } => {
            once(links).for_each(|link| cluster.delay(link, Duration::from_millis(*by_ms)))
        }
        Action::Lose { links, share } => once(links).for_each(|link| cluster.lose(link, *share)),
        Action::Duplicate { share } => shared.duplicate.set(*share),
        Action::Kill { targets } => targets.iter().for_each(|name| cluster.kill(name)),
        Action::PowerOff { targets } => targets.iter().try_for_each(|name| cluster.power_off(name))?,
        Action::Stop { targets } => targets.iter().for_each(|name| cluster.server(name).stop()),
        Action::Start { targets } => targets.iter().for_each(|name| cluster.start(name)),
        Action::Pause { targets } => targets.iter().for_each(|name| cluster.pause(name)),
        Action::Resume { targets } => targets.iter().for_each(|name| cluster.resume(name)),
        Action::StepClock { targets, by_ms } => targets.iter().for_each(|name| cluster.server(name).step_clock(*by_ms)),
        Action::FailDisk { targets, full } => {
            let error = if *full { DiskError::Full } else { DiskError::Io };
            targets.iter().for_each(|name| cluster.server(name).disk().set_error(Some(error)));
        }
        Action::SlowDisk { targets, by_ms } => {
            let by = Duration::from_millis(*by_ms);
            targets.iter().for_each(|name| cluster.server(name).disk().set_slower_by(by));
        }
        Action::Lie { targets } => targets.iter().for_each(|name| cluster.server(name).disk().set_lying(true)),
        Action::HealDisk { targets } => targets.iter().for_each(|name| {
            let disk = cluster.server(name).disk();
            disk.set_error(None);
            disk.set_slower_by(Duration::ZERO);
            disk.set_lying(false);
        }),
        Action::Flip { targets } => targets.iter().try_for_each(|name| flip(cluster, name))?,
        Action::Wipe { targets } => targets.iter().try_for_each(|name| {
            cluster.kill(name);
            cluster.server(name).forget_bootstrap();
            cluster.server(name).disk().wipe()?;
            shared.record.wiped(name);
            Ok::<(), std::io::Error>(())
        })?,
        Action::Refound { targets } => refound(cluster, shared, targets)?,
        Action::Join { targets } => ask(shared, targets, Admin::Join),
        Action::Remove { targets } => ask(shared, targets, Admin::Remove),
        Action::Transfer { targets } => {
            shared.admin.borrow_mut().push_back(Admin::Transfer(targets.first().cloned()));
        }
    }
    Ok(())
}

fn flip(cluster: &mut Cluster, name: &str) -> std::io::Result<()> {
    cluster.kill(name);
    let flipped = cluster.server(name).disk().flip_byte()?;
    cluster.start(name);
    match flipped {
        Some(_) => Ok(()),
        None => Err(std::io::Error::other("the disk holds no record that could be damaged")),
    }
}

/// What an operator does whose servers have all lost everything: whatever is left is emptied too, the first will found a
/// cluster, and the others will be empty servers that wait to be joined. No promise of the old cluster holds in the new
/// one, and none of the old is void before this moment: each is recorded, and judged, for itself.
fn refound(cluster: &mut Cluster, shared: &Shared, targets: &[String]) -> std::io::Result<()> {
    for name in targets {
        cluster.kill(name);
        cluster.server(name).forget_bootstrap();
        cluster.server(name).disk().wipe()?;
    }
    let Some(founder) = targets.first() else { return Ok(()) };
    cluster.server(founder).will_found();
    shared.record.new_cluster();
    shared.clusters.set(shared.clusters.get() + 1);
    *shared.members.borrow_mut() = vec![founder.clone()];
    note_clocks(cluster, shared);
    Ok(())
}

/// Writes down whose clock is not the true one: bounds on expiries rest on it.
pub fn note_clocks(cluster: &Cluster, shared: &Shared) {
    for server in cluster.servers() {
        let (name, clock) = (server.name(), server.clock());
        if (clock.rate - 1.0).abs() > f64::EPSILON || clock.offset_ms != 0 {
            let value = serde_json::json!({"targets": [name], "rate": clock.rate, "offset_ms": clock.offset_ms});
            shared.record.fault("clock", &value, Struck::Installed, None);
        }
    }
}

fn ask(shared: &Shared, targets: &[String], request: fn(String) -> Admin) {
    shared.admin.borrow_mut().extend(targets.iter().cloned().map(request));
}

/// Each pair once: delay and loss are not directed.
fn once(links: &[Link]) -> impl Iterator<Item = &Link> {
    links.iter().filter(|(from, to)| from < to || !links.contains(&(to.clone(), from.clone())))
}
