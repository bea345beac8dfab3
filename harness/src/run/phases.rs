//! The phases of a run: setup, run, settle, recheck, drain, end; then the judge.

use std::time::Duration;

use linearizability::verdict::Property;
use rand::RngExt;
use rand::seq::SliceRandom;

use super::outcome::Outcome;
use super::panics;
use super::scratch::Scratch;
use super::world::{Broken, World};
use crate::nemesis::carry::note_clocks;
use crate::nemesis::plan::Plan;
use crate::nemesis::replay::Timeline;
use crate::record::Record;
use crate::record::probe::Probe;
use crate::scenario::Scenario;
use crate::seeds::Seeds;
use crate::workload::shared::{Admin, Phase};

/// As long as a cluster may take to come up and take its members in.
const SETUP: Duration = Duration::from_secs(60);
/// As long as all members may take to be told, one after another, that they have joined.
const JOIN_AGAIN: Duration = Duration::from_secs(10);
/// As long as watchers may take to see the last change: one poll that hangs on a lost connection, and the next.
const DRAIN: Duration = Duration::from_secs(10);
/// After the last client has left: more than the second within which its watch must be freed (W-13).
const AFTERGLOW: Duration = Duration::from_millis(1200);

/// Runs `scenario` with `seed`.
pub(super) fn run(
    scenario: &Scenario,
    seed: u64,
    record: &Record,
    replay: Option<Timeline>,
    idle_too: bool,
) -> Outcome {
    let _probe = tracing::subscriber::set_default(Probe::new(record.clone()));
    panics::remember();
    let mut outcome = Outcome::new(&scenario.name, seed);
    let dir = match Scratch::new() {
        Ok(dir) => dir,
        Err(error) => return outcome.failed(record, format!("no room for the simulated disks: {error}")),
    };
    let mut world = World::new(scenario, Seeds(seed), record, dir.path());
    if idle_too {
        world.cluster.run_idle_machines();
    }
    let ended = all(&mut world, scenario, Seeds(seed), replay);
    outcome.virtual_time = world.cluster.elapsed();
    outcome.coverage =
        world.counter.finish(&world.shared.counts.borrow(), &world.view, world.deposed_reads, world.stopped_servers);
    outcome.findings = std::mem::take(&mut world.findings);
    outcome.checked = std::mem::take(&mut world.checked);
    let lost = record.lock().trace.flush();
    drop_quietly(world, ended.is_err());
    if let Some(error) = lost {
        return outcome.failed(record, format!("the trace cannot be written: {error}"));
    }
    if let Err(Broken::Harness(text)) = ended {
        return outcome.failed(record, text);
    }
    outcome.judged(scenario, record, &dir.path().display().to_string())
}

/// A world in which code has panicked may panic again when it is dropped; what is known is known.
fn drop_quietly(world: World, panicked: bool) {
    if panicked {
        std::mem::forget(world);
    }
}

fn all(world: &mut World, scenario: &Scenario, seeds: Seeds, replay: Option<Timeline>) -> Result<(), Broken> {
    set_up(world, scenario)?;
    let plan = Plan::new(scenario, seeds, world.cluster.elapsed(), replay);
    world.plan = Some(plan);
    world.enter(Phase::Run);
    world.step_for(scenario.phases.run)?;
    settle(world, scenario, seeds)?;
    recheck(world, scenario)?;
    drain(world)?;
    world.enter(Phase::End);
    world.step_for(AFTERGLOW)?;
    let members = members(world);
    world.ask_at_end(&members);
    world.look_for_caught_panics()
}

fn set_up(world: &mut World, scenario: &Scenario) -> Result<(), Broken> {
    let names = scenario.cluster.names();
    let first = &names[..scenario.cluster.servers];
    first.iter().for_each(|name| world.cluster.start(name));
    note_clocks(&world.cluster, &world.shared);
    world.shared.admin.borrow_mut().extend(first[1..].iter().cloned().map(Admin::Join));
    let wanted = first.len();
    let ready = world.step_until(SETUP, |world| {
        let members = world.shared.members.borrow().clone();
        members.len() == wanted && world.view.not_converged(&members, &world.cluster).is_none()
    })?;
    if ready {
        world.shared.counts.borrow_mut().remove("joins");
        return Ok(());
    }
    let members = world.shared.members.borrow().clone();
    let why = world.view.not_converged(&members, &world.cluster).unwrap_or_else(|| "not all have joined".into());
    Err(world.stuck(format!("the cluster did not come up within {SETUP:?}: members {members:?}; {why}")))
}

fn settle(world: &mut World, scenario: &Scenario, seeds: Seeds) -> Result<(), Broken> {
    let mut plan = world.plan.take().expect("set before the phase run");
    let mut rng = seeds.stream("settle", 0);
    let members = members(world);
    let quorum_only = rng.random_bool(scenario.phases.quorum_only) && members.len() > 2;
    if quorum_only {
        let mut quorum = members.clone();
        quorum.shuffle(&mut rng);
        quorum.truncate(members.len() / 2 + 1);
        quorum.sort();
        plan.heal_quorum(&quorum, &mut world.cluster, &world.shared);
        world.shared.enter(Phase::Settle);
        world.shared.record.phase("quorum");
        let serves = |world: &mut World| quorum_serves(world, &quorum);
        let served = world.step_until(scenario.phases.settle, serves)?;
        let broken = (!served).then(|| {
            let patience = scenario.phases.settle;
            format!("{quorum:?} are connected and run, and no leader of a majority serves them after {patience:?}")
        });
        world.check(Property::Live4, broken);
    }
    plan.stop(&mut world.cluster, &world.shared);
    world.enter(Phase::Settle);
    // Joins and removals that are under way belong to the faults: they change who must converge.
    let patience = scenario.phases.settle;
    let settled = world.step_until(patience, |world| {
        let idle = world.shared.admin.borrow().is_empty();
        let members = self::members(world);
        idle && world.view.not_converged(&members, &world.cluster).is_none()
    })?;
    let broken = (!settled).then(|| {
        let why = world.view.not_converged(&self::members(world), &world.cluster);
        let why = why.unwrap_or_else(|| "a change of membership hangs".into());
        format!("{patience:?} after the faults stopped the cluster has not converged: {why}")
    });
    world.check(Property::Live1, broken);
    Ok(())
}

/// A majority follows one leader, and of `quorum` everybody whom that leader reaches. It may be a server outside the quorum that a
/// fault still cuts from one in it: no vote may depose a leader whom a majority follows.
fn quorum_serves(world: &World, quorum: &[String]) -> bool {
    let Some(leader) = world.view.leader(&world.cluster) else { return false };
    let members = members(world);
    let is_cut = |from: &String, to: &String| world.cluster.is_cut(&(from.clone(), to.clone()));
    let is_reached = |name: &String| *name == leader || !is_cut(&leader, name) && !is_cut(name, &leader);
    let reached = |names: &[String]| names.iter().filter(|name| is_reached(name)).cloned().collect::<Vec<_>>();
    let follows =
        |name: &String| world.view.not_following(&leader, std::slice::from_ref(name), &world.cluster).is_none();
    let followers = reached(&members).iter().filter(|name| follows(name)).count();
    2 * followers > members.len() && reached(quorum).iter().all(follows)
}

/// The members that must serve at the end: all that run.
fn members(world: &World) -> Vec<String> {
    world.shared.members.borrow().clone()
}

fn recheck(world: &mut World, scenario: &Scenario) -> Result<(), Broken> {
    world.enter(Phase::Recheck);
    let members = members(world);
    let done = world.step_until(scenario.phases.recheck, |world| {
        let rechecked = world.shared.rechecked.borrow();
        members.iter().all(|name| rechecked.get(name) == Some(&(true, true)))
    })?;
    let broken = (!done).then(|| {
        let (patience, rechecked) = (scenario.phases.recheck, world.shared.rechecked.borrow());
        format!(
            "{patience:?} after the cluster settled, not every member has taken a write and a read: {rechecked:?} of {members:?}"
        )
    });
    world.check(Property::Live2, broken);
    if done { join_again(world, &members) } else { Ok(()) }
}

/// MEM-5: a join that is repeated on a healthy cluster finds it done, and changes no configuration.
fn join_again(world: &mut World, members: &[String]) -> Result<(), Broken> {
    let before = world.view.configured();
    world.shared.admin.borrow_mut().extend(members.iter().cloned().map(Admin::Join));
    world.step_until(JOIN_AGAIN, |world| world.shared.admin.borrow().is_empty())?;
    let joined = world.shared.counted("repeated_joins");
    let after = world.view.configured();
    let broken = if joined < members.len() as u64 {
        Some(format!("of {} members that were asked to join again only {joined} had done so already", members.len()))
    } else {
        (before != after).then(|| format!("a repeated join moved the configuration from entry {before} to {after}"))
    };
    world.check(Property::Mem5, broken);
    Ok(())
}

fn drain(world: &mut World) -> Result<(), Broken> {
    world.enter(Phase::Drain);
    let late = |world: &World| {
        let watched = world.shared.watched.borrow();
        let finals = world.shared.final_index.borrow();
        let late = watched.iter().find(|(_, (service, seen))| finals.get(service).is_none_or(|last| seen < last));
        late.map(|(number, (service, seen))| (*number, service.clone(), *seen, finals.get(service).copied()))
    };
    let lost =
        |world: &World| world.shared.agents.borrow().iter().find(|(_, there)| !**there).map(|(number, _)| *number);
    let done = world.step_until(DRAIN, |world| late(world).is_none() && lost(world).is_none())?;
    if !world.shared.agents.borrow().is_empty() {
        let broken = lost(world).map(|number| format!("the instances of agent {number} are not all there and passing"));
        world.check(Property::Ag1, broken);
    }
    if !world.shared.watched.borrow().is_empty() {
        let broken = late(world).filter(|_| !done).map(|(number, (ns, svc), seen, last)| {
            format!("watcher {number} has seen {ns}/{svc} at index {seen} only; its last index is {last:?}")
        });
        world.check(Property::Live3, broken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::trace::{Depth, Trace};
    use crate::scenario::parse;

    /// A cluster of three that has just come up, a spare beside it, and the moment of the recheck. Its parts are dropped in
    /// this order.
    struct Healthy {
        world: World,
        _probe: tracing::subscriber::DefaultGuard,
        _dir: Scratch,
    }

    fn healthy() -> Healthy {
        let text = "name = \"x\"\nabout = \"y\"\n[cluster]\nspares = 1\n[[workload]]\nkind = \"registry\"\n\
                    [phases]\nrun = \"5s\"\n[expect]\nmin = { reads = 1 }\n";
        let scenario = parse("x.toml", text).expect("a scenario");
        let record = Record::new(Trace::new(Depth::Record, None));
        let probe = tracing::subscriber::set_default(Probe::new(record.clone()));
        let dir = Scratch::new().expect("a directory");
        let mut world = World::new(&scenario, Seeds(1), &record, dir.path());
        set_up(&mut world, &scenario).expect("a cluster that comes up");
        world.enter(Phase::Recheck);
        Healthy { world, _probe: probe, _dir: dir }
    }

    /// What is found when all members are asked to join again.
    fn found(world: &mut World) -> Vec<String> {
        let members = members(world);
        join_again(world, &members).expect("no panic");
        assert_eq!(world.checked[&Property::Mem5], 1);
        world.findings.iter().map(|finding| format!("{} {}", finding.id(), finding.summary)).collect()
    }

    #[test]
    fn members_that_join_again_have_joined_already() {
        assert_eq!(found(&mut healthy().world), [""; 0]);
    }

    #[test]
    fn a_repeated_join_that_fails_is_a_finding() {
        let mut cluster = healthy();
        ["n2", "n3"].iter().for_each(|name| cluster.world.cluster.kill(name));
        let found = found(&mut cluster.world);
        assert_eq!(found, ["MEM-5 of 3 members that were asked to join again only 0 had done so already"]);
    }

    #[test]
    fn a_repeated_join_that_moves_the_configuration_is_a_finding() {
        let mut cluster = healthy();
        // It counts as repeated, and is the first of this server.
        cluster.world.cluster.start("n4");
        cluster.world.shared.admin.borrow_mut().push_back(Admin::Join("n4".into()));
        let found = found(&mut cluster.world);
        assert!(found.len() == 1 && found[0].starts_with("MEM-5 a repeated join moved the configuration"), "{found:?}");
    }

    #[test]
    fn a_panic_that_something_caught_is_not_forgotten() {
        let mut cluster = healthy();
        panics::remember();
        assert_eq!(cluster.world.look_for_caught_panics(), Ok(()));
        assert!(std::panic::catch_unwind(|| panic!("caught")).is_err());
        let broken = cluster.world.look_for_caught_panics();
        assert!(matches!(&broken, Err(Broken::Harness(text)) if text.contains("caught")), "{broken:?}");
    }

    #[test]
    fn what_stops_a_run_behind_a_panic_is_that_panic() {
        let mut cluster = healthy();
        panics::remember();
        let world = &mut cluster.world;
        assert_eq!(world.stuck("a task ended".into()), Broken::Harness("a task ended".into()));
        // The panic is in code that is none of the harness.
        assert!(std::panic::catch_unwind(|| serde_json::json!(1)["x"] = serde_json::json!(2)).is_err());
        assert_eq!(world.stuck("a task ended".into()), Broken::Panicked);
        assert!(world.findings.len() == 1 && world.findings[0].is_panic(), "{:?}", world.findings);
    }
}
