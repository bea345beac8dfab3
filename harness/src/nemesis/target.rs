//! Roles to names, and shapes of partitions to directed links.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom};

use super::view::View;
use crate::scenario::model::{Shape, Target};
use crate::sim::cluster::{Cluster, Link};

/// What a fault is resolved against, at the moment it strikes.
pub struct Scene<'a> {
    /// The machines.
    pub cluster: &'a Cluster,
    /// Who leads.
    pub view: &'a View,
    /// Members, in order of their names.
    pub members: Vec<String>,
    /// Machines of agents.
    pub agents: Vec<String>,
    /// Servers that are no members.
    pub spares: Vec<String>,
    /// Where the trigger fired.
    pub here: Option<String>,
}

impl Scene<'_> {
    /// How many members can be lost.
    #[must_use]
    pub fn minority(&self) -> usize {
        self.members.len().saturating_sub(1) / 2
    }

    /// Who leads and is a member.
    #[must_use]
    pub fn leader(&self) -> Option<String> {
        self.view.leader(self.cluster).filter(|leader| self.members.contains(leader))
    }

    /// The servers that `target` names now; empty if there is none.
    #[must_use]
    pub fn resolve(&self, target: &Target, rng: &mut StdRng) -> Vec<String> {
        let leader = self.leader();
        let mut drawn = self.members.clone();
        drawn.shuffle(rng);
        let up = |name: &String| self.cluster.is_up(name);
        let follows = |name: &String| Some(name) != leader.as_ref();
        let mut chosen: Vec<String> = match target {
            Target::Leader => leader.into_iter().collect(),
            Target::Follower => drawn.into_iter().filter(|name| up(name) && follows(name)).take(1).collect(),
            Target::Any => drawn.into_iter().filter(up).take(1).collect(),
            Target::Minority => drawn.into_iter().filter(follows).take(self.minority()).collect(),
            Target::LeaderMinority => {
                let others = drawn.iter().filter(|name| follows(name)).take(self.minority().saturating_sub(1));
                leader.iter().chain(others).cloned().collect()
            }
            Target::All => self.members.clone(),
            Target::Here => self.here.iter().cloned().collect(),
            Target::Spare => self.spares.iter().take(1).cloned().collect(),
            Target::Named(names) => names.clone(),
        };
        chosen.sort();
        chosen
    }

    /// The links that `shape` cuts; empty if it cannot be drawn now.
    #[must_use]
    pub fn links(&self, shape: Shape, target: &Target, rng: &mut StdRng) -> Vec<Link> {
        let mut drawn = self.members.clone();
        drawn.shuffle(rng);
        match shape {
            Shape::Halves => {
                let (few, many) = drawn.split_at(drawn.len() / 2);
                both_ways(few, many)
            }
            Shape::One => around(&self.resolve(target, rng), &self.members),
            Shape::LeaderMinority => around(&self.resolve(&Target::LeaderMinority, rng), &self.members),
            Shape::Random => {
                let pairs = both_ways(&self.members, &self.members);
                pairs.into_iter().filter(|_| rng.random_bool(0.4)).collect()
            }
            Shape::OneWayOut => one_way(&self.resolve(target, rng), &self.members),
            Shape::OneWayIn => {
                one_way(&self.resolve(target, rng), &self.members).into_iter().map(|(from, to)| (to, from)).collect()
            }
            Shape::AllButOne => {
                let inside = self.resolve(target, rng);
                let outside: Vec<String> = drawn.into_iter().filter(|name| !inside.contains(name)).skip(1).collect();
                both_ways(&inside, &outside)
            }
            Shape::Bridge => {
                let Some((_bridge, others)) = drawn.split_first() else { return Vec::new() };
                let (left, right) = others.split_at(others.len() / 2);
                both_ways(left, right)
            }
            Shape::Ring => ring(&drawn),
            Shape::Agents => both_ways(&self.chosen_agents(target, rng), &self.cluster.hosts()),
        }
    }

    /// The agents that `target` names: one that is drawn, all, or by name.
    fn chosen_agents(&self, target: &Target, rng: &mut StdRng) -> Vec<String> {
        match target {
            Target::Any => self.agents.choose(rng).cloned().into_iter().collect(),
            Target::Named(names) => names.clone(),
            _ => self.agents.clone(),
        }
    }

    /// All links between `targets` and the other members, in both directions.
    #[must_use]
    pub fn links_of(&self, targets: &[String]) -> Vec<Link> {
        around(targets, &self.members)
    }
}

fn around(inside: &[String], members: &[String]) -> Vec<Link> {
    let outside: Vec<String> = members.iter().filter(|name| !inside.contains(name)).cloned().collect();
    both_ways(inside, &outside)
}

fn one_way(inside: &[String], members: &[String]) -> Vec<Link> {
    let to = |from: &String| {
        let from = from.clone();
        members
            .iter()
            .filter(|name| !inside.contains(name))
            .map(move |to| (from.clone(), to.clone()))
            .collect::<Vec<_>>()
    };
    inside.iter().flat_map(to).collect()
}

fn both_ways(left: &[String], right: &[String]) -> Vec<Link> {
    let pairs = left.iter().flat_map(|a| right.iter().filter(move |b| *b != a).map(move |b| (a.clone(), b.clone())));
    let mut links: Vec<Link> = pairs.flat_map(|(a, b)| [(a.clone(), b.clone()), (b, a)]).collect();
    links.sort();
    links.dedup();
    links
}

/// Everybody sees the neighbour on each side only. Below four servers that is everybody.
fn ring(drawn: &[String]) -> Vec<Link> {
    let len = drawn.len();
    let apart = |a: usize, b: usize| (a + len - b) % len > 1 && (b + len - a) % len > 1;
    let mut links = Vec::new();
    for (a, from) in drawn.iter().enumerate() {
        for (b, to) in drawn.iter().enumerate() {
            if apart(a, b) {
                links.push((from.clone(), to.clone()));
            }
        }
    }
    links.sort();
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("n{number}")).collect()
    }

    #[test]
    fn a_partition_around_one_of_three_cuts_both_links_both_ways() {
        assert_eq!(around(&names(1), &names(3)).len(), 4);
        assert_eq!(one_way(&names(1), &names(3)), [("n1".into(), "n2".into()), ("n1".into(), "n3".into())]);
    }

    #[test]
    fn in_a_ring_of_five_everybody_keeps_two_neighbours() {
        let links = ring(&names(5));
        for name in names(5) {
            assert_eq!(links.iter().filter(|(from, _)| *from == name).count(), 2, "{links:?}");
        }
        assert!(ring(&names(3)).is_empty());
    }
}
