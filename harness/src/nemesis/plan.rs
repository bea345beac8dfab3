//! What is due at a step: the timeline, the triggers that fired, the draws, and the undoing of what is over. Or, in a
//! replay, exactly what was done at that step the first time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::action::Action;
use super::carry::carry_out;
use super::random::{Drawn, draw, families};
use super::replay::{Timeline, due};
use super::strike::{Strike, resolve};
use super::target::Scene;
use super::view::View;
use crate::record::facts::{Fact, FactKind};
use crate::record::history::Struck;
use crate::scenario::model::{Family, Fault, Random, Scenario, What, When};
use crate::seeds::Seeds;
use crate::sim::cluster::Cluster;
use crate::workload::agents;
use crate::workload::shared::Shared;

/// Virtual time since the start of the simulation.
type Moment = Duration;

/// See the module.
pub struct Plan {
    faults: Vec<Planned>,
    random: Option<RandomPlan>,
    /// What undoes the faults that are in force: when, what, and who is afflicted until then.
    undo: Vec<(Option<Moment>, Vec<Action>, Vec<String>)>,
    afflicted: BTreeMap<String, u32>,
    rng: StdRng,
    /// Names of all servers.
    names: Vec<String>,
    /// How long a leader is held still for an election.
    election: Duration,
    /// In a replay: what is done at which step, ns.
    replay: Option<Timeline>,
}

struct Planned {
    fault: Fault,
    next: Option<Moment>,
    seen: u64,
    struck: u64,
    /// Triggers that fired since the last step, with the server.
    fired: Vec<String>,
}

struct RandomPlan {
    random: Random,
    families: Vec<Family>,
    rng: StdRng,
    next: Moment,
}

impl Plan {
    /// The faults of `scenario`, from the moment `begin` on; or the recorded `replay` of them.
    #[must_use]
    pub fn new(scenario: &Scenario, seeds: Seeds, begin: Moment, replay: Option<Timeline>) -> Self {
        let planned = |fault: &Fault| Planned {
            next: match fault.when {
                When::At(at) => Some(begin + at),
                When::Event { .. } | When::Point { .. } => None,
            },
            fault: fault.clone(),
            seen: 0,
            struck: 0,
            fired: Vec::new(),
        };
        let random = scenario.random.clone().map(|random| {
            let mut rng = seeds.stream("random-faults", 0);
            let families = families(&random, &mut rng);
            let next = begin + rng.random_range(random.every.0..=random.every.1);
            RandomPlan { random, families, rng, next }
        });
        Self {
            faults: scenario.faults.iter().map(planned).collect(),
            random,
            undo: Vec::new(),
            afflicted: BTreeMap::new(),
            rng: seeds.stream("nemesis", 0),
            names: scenario.cluster.names(),
            election: scenario.cluster.election.1 * 3,
            replay,
        }
    }

    /// Families of random faults that are on in this run.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        self.random.as_ref().map_or(&[], |random| &random.families)
    }

    /// Looks whether `fact` fires a trigger.
    pub fn observe(&mut self, fact: &Fact) {
        for planned in &mut self.faults {
            let nth = match (&planned.fault.when, &fact.kind) {
                (When::Event { event, nth }, kind) if event_of(kind) == Some(event.as_str()) => *nth,
                (When::Point { point, nth }, FactKind::Point { point: reached, .. }) if point == reached => *nth,
                _ => continue,
            };
            planned.seen += 1;
            if planned.seen >= nth && planned.struck + (planned.fired.len() as u64) < planned.fault.times {
                planned.fired.push(fact.node.clone());
            }
        }
    }

    /// Does what is due at `now`.
    pub fn act(&mut self, now: Moment, view: &View, cluster: &mut Cluster, shared: &Shared) {
        if let Some(replay) = &mut self.replay {
            due(replay, cluster, shared);
            return;
        }
        self.undo_due(Some(now), cluster, shared);
        for at in 0..self.faults.len() {
            let planned = &mut self.faults[at];
            let fired = std::mem::take(&mut planned.fired);
            let due = planned.next.is_some_and(|next| next <= now);
            if due {
                planned.next =
                    planned.fault.every.map(|every| now + every).filter(|_| planned.struck + 1 < planned.fault.times);
            }
            if fired.is_empty() && !due {
                continue;
            }
            let fault = planned.fault.clone();
            for here in fired.into_iter().map(Some).chain(due.then_some(None)) {
                self.faults[at].struck += 1;
                let drawn = Drawn { what: fault.what, target: fault.target.clone(), lasts: Duration::ZERO };
                let until = fault.lasts.map(|lasts| now + lasts);
                self.strike(&drawn, now, until, here, true, view, cluster, shared);
            }
        }
        self.draw_due(now, view, cluster, shared);
    }

    fn draw_due(&mut self, now: Moment, view: &View, cluster: &mut Cluster, shared: &Shared) {
        let Some(random) = self.random.as_mut().filter(|random| random.next <= now) else { return };
        random.next = now + random.rng.random_range(random.random.every.0..=random.random.every.1);
        let drawn = draw(&random.families, &random.random, &mut random.rng);
        let bold = random.random.majority_may_fail;
        self.strike(&drawn, now, Some(now + drawn.lasts), None, bold, view, cluster, shared);
    }

    #[expect(clippy::too_many_arguments, reason = "who strikes, whom, and the world it happens in")]
    fn strike(
        &mut self,
        drawn: &Drawn,
        now: Moment,
        until: Option<Moment>,
        here: Option<String>,
        bold: bool,
        view: &View,
        cluster: &mut Cluster,
        shared: &Shared,
    ) {
        let scene = self.scene(here, view, cluster, shared);
        let strike = resolve(drawn.what, &drawn.target, &scene, &mut self.rng);
        let bearable = bold || self.is_bearable(&strike, drawn.what, &scene);
        if strike.now.is_empty() || !bearable {
            let value = serde_json::json!({"targets": strike.afflicted, "why": if bearable { "nobody to strike" } else { "the cluster would not bear it" }});
            shared.record.fault(&fault_name(drawn.what), &value, Struck::Skipped, None);
            return;
        }
        // All of them, and only then the look: a strike is a sequence.
        let outcomes: Vec<Struck> = strike.now.iter().map(|action| carry_out(action, cluster, shared)).collect();
        if outcomes.iter().all(|outcome| *outcome == Struck::Skipped) {
            return;
        }
        for name in &strike.afflicted {
            *self.afflicted.entry(name.clone()).or_default() += 1;
        }
        let until = if drawn.what == What::Elect { Some(now + self.election) } else { until };
        if !strike.undo.is_empty() {
            self.undo.push((until, strike.undo, strike.afflicted));
        }
    }

    /// After it a majority is still healthy; and a disk is thrown away only while all others are.
    fn is_bearable(&self, strike: &Strike, what: What, scene: &Scene<'_>) -> bool {
        let healthy = |name: &&String| self.is_healthy(name, scene) && !strike.afflicted.contains(name);
        let left = scene.members.iter().filter(healthy).count();
        if what == What::Replace {
            return scene.members.iter().all(|name| self.is_healthy(name, scene)) && scene.members.len() > 2;
        }
        strike.afflicted.is_empty() || 2 * left > scene.members.len()
    }

    /// A server whose disk was emptied runs and is a member by name; until it has joined again it is no voter.
    fn is_healthy(&self, name: &str, scene: &Scene<'_>) -> bool {
        let afflicted = self.afflicted.get(name).is_some_and(|count| *count > 0);
        !afflicted && scene.cluster.is_running(name) && scene.view.is_voter(name)
    }

    fn scene<'a>(&self, here: Option<String>, view: &'a View, cluster: &'a Cluster, shared: &Shared) -> Scene<'a> {
        let members = shared.members.borrow().clone();
        let spares = self.names.iter().filter(|name| !members.contains(name)).cloned().collect();
        let agents = agents::hosts(shared).collect();
        Scene { cluster, view, members, agents, spares, here }
    }

    /// Undoes what is over at `now`, or everything.
    fn undo_due(&mut self, now: Option<Moment>, cluster: &mut Cluster, shared: &Shared) {
        let over = |until: Option<Moment>| now.is_none_or(|now| until.is_some_and(|until| until <= now));
        let due: Vec<_> = self.undo.extract_if(.., |(until, _, _)| over(*until)).collect();
        for (_, actions, afflicted) in due {
            for name in afflicted {
                self.afflicted.entry(name).and_modify(|count| *count -= 1);
            }
            actions.iter().for_each(|action| {
                carry_out(action, cluster, shared);
            });
        }
    }

    /// The faults stop: everything is undone and every member runs again. Members whose disk turns out to be worth
    /// nothing have been replaced by what undid their fault.
    pub fn stop(&mut self, cluster: &mut Cluster, shared: &Shared) {
        if let Some(replay) = &mut self.replay {
            due(replay, cluster, shared);
            return;
        }
        self.undo_due(None, cluster, shared);
        let members = shared.members.borrow().clone();
        self.start_all(&members, cluster, shared);
    }

    /// Only `quorum` is healed: its links among each other and its machines. The rest stays as it is.
    pub fn heal_quorum(&mut self, quorum: &[String], cluster: &mut Cluster, shared: &Shared) {
        if let Some(replay) = &mut self.replay {
            due(replay, cluster, shared);
            return;
        }
        for (until, actions, afflicted) in std::mem::take(&mut self.undo) {
            let concerns = actions.iter().all(|action| within(action, quorum));
            if concerns {
                actions.iter().for_each(|action| {
                    carry_out(action, cluster, shared);
                });
            } else {
                self.undo.push((until, split_links(&actions, quorum, cluster, shared), afflicted));
            }
        }
        self.start_all(quorum, cluster, shared);
    }

    fn start_all(&self, members: &[String], cluster: &mut Cluster, shared: &Shared) {
        let down: Vec<String> = members.iter().filter(|name| !cluster.is_up(name)).cloned().collect();
        if !down.is_empty() {
            carry_out(&Action::Start { targets: down }, cluster, shared);
        }
    }
}

/// The servers that `actions` name are all in `quorum`.
fn within(action: &Action, quorum: &[String]) -> bool {
    let value = action.value();
    let named = |key: &str| {
        let list = value.get(key).and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        list.into_iter().flat_map(|item| match item {
            serde_json::Value::Array(ends) => ends,
            one => vec![one],
        })
    };
    let names: BTreeSet<String> =
        named("targets").chain(named("links")).filter_map(|name| name.as_str().map(str::to_owned)).collect();
    names.iter().all(|name| quorum.contains(name))
}

/// Mends the links of `actions` that lie within `quorum`, and answers what is left to undo.
fn split_links(actions: &[Action], quorum: &[String], cluster: &mut Cluster, shared: &Shared) -> Vec<Action> {
    let mut left = Vec::new();
    for action in actions {
        let Action::Mend { links } = action else {
            left.push(action.clone());
            continue;
        };
        let inside = |link: &&(String, String)| quorum.contains(&link.0) && quorum.contains(&link.1);
        let (mend, keep): (Vec<_>, Vec<_>) = links.iter().partition(inside);
        if !mend.is_empty() {
            carry_out(&Action::Mend { links: mend.into_iter().cloned().collect() }, cluster, shared);
        }
        if !keep.is_empty() {
            left.push(Action::Mend { links: keep.into_iter().cloned().collect() });
        }
    }
    left
}

/// The name of an event in `when = { event = .. }`.
fn event_of(kind: &FactKind) -> Option<&str> {
    use linearizability::history::Role;
    Some(match kind {
        FactKind::Applied { kind, .. } => kind,
        FactKind::Role { role: Role::Leader, .. } => "leader",
        FactKind::Role { role: Role::Candidate, .. } => "candidate",
        FactKind::Role { role: Role::Follower, .. } => "follower",
        FactKind::Expire { .. } => "expire-proposed",
        _ => return None,
    })
}

/// The name of a fault that did not strike.
fn fault_name(what: What) -> String {
    let text = format!("{what:?}");
    let name = text.split(['(', ' ']).next().unwrap_or_default();
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
