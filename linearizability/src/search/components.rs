//! Steps that touch several services join them: a deregistration by id, a list, a check that instances of two services held.

use crate::script::{Act, Script};

/// Which steps have to be searched together.
pub(crate) struct Components {
    /// The component of each step.
    pub(crate) of_step: Vec<u32>,
    /// The steps of each component, in the order of their calls.
    pub(crate) members: Vec<Vec<u32>>,
}

/// The components of a history; none is empty.
pub(crate) fn components(script: &Script) -> Components {
    let mut parents: Vec<u32> = (0..script.services.len() as u32).collect();
    // Steps that touch no service (an id that nobody registered) depend on nothing; they share the last place.
    let nowhere = script.services.len() as u32;
    let mut homes: Vec<u32> = Vec::with_capacity(script.steps.len());
    for step in &script.steps {
        let mut services = touched(script, step.act);
        let first = services.next();
        if let Some(first) = first {
            for other in services {
                union(&mut parents, first, other);
            }
        }
        homes.push(first.unwrap_or(nowhere));
    }
    homes.iter_mut().filter(|home| **home != nowhere).for_each(|home| *home = root(&mut parents, *home));
    let mut sizes = vec![0_usize; parents.len() + 1];
    homes.iter().for_each(|home| sizes[*home as usize] += 1);
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut numbers: Vec<u32> = Vec::with_capacity(sizes.len());
    for size in sizes {
        numbers.push(members.len() as u32);
        if size > 0 {
            members.push(Vec::with_capacity(size));
        }
    }
    for (step, home) in (0..).zip(&mut homes) {
        *home = numbers[*home as usize];
        members[*home as usize].push(step);
    }
    Components { of_step: homes, members }
}

/// The services that a step reads or writes.
pub(crate) fn touched(script: &Script, act: Act) -> Box<dyn Iterator<Item = u32> + '_> {
    let of_cell = |cell: &u32| script.cells[*cell as usize].service;
    match act {
        Act::Register(registration) => {
            Box::new(std::iter::once(of_cell(&script.registrations[registration as usize].cell)))
        }
        Act::Deregister(cell) => Box::new(std::iter::once(of_cell(&cell))),
        Act::DeregisterId(group) => Box::new(script.groups[group as usize].iter().map(of_cell)),
        Act::Report(check, _) => Box::new(script.checks[check as usize].holders.iter().map(of_cell)),
        Act::RenewMany(renewal) => {
            let checks = &script.renewals[renewal as usize].checks;
            Box::new(
                checks.iter().flat_map(move |(check, _)| script.checks[*check as usize].holders.iter().map(of_cell)),
            )
        }
        Act::Read(service) => Box::new(std::iter::once(service)),
        Act::List(ns) => Box::new(script.namespaces[ns as usize].iter().copied()),
    }
}

fn root(parents: &mut [u32], mut at: u32) -> u32 {
    while parents[at as usize] != at {
        parents[at as usize] = parents[parents[at as usize] as usize];
        at = parents[at as usize];
    }
    at
}

fn union(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b) as usize] = a.min(b);
}
