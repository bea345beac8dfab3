//! Steps that touch several services join them: a deregistration by id, a list, a check that instances of two services held.

use crate::script::{Act, Script};

/// The steps of each component, in the order of their calls.
pub(crate) fn components(script: &Script) -> Vec<Vec<u32>> {
    let mut parents: Vec<u32> = (0..script.services.len() as u32).collect();
    for step in &script.steps {
        let mut services = touched(script, step.act);
        if let Some(first) = services.next() {
            for other in services {
                union(&mut parents, first, other);
            }
        }
    }
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); parents.len() + 1];
    for (number, step) in script.steps.iter().enumerate() {
        // Steps that touch no service (an id that nobody registered) depend on nothing; they share the last place.
        let home = touched(script, step.act)
            .next()
            .map_or(script.services.len() as u32, |service| root(&mut parents, service));
        members[home as usize].push(number as u32);
    }
    members.retain(|steps| !steps.is_empty());
    members
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
