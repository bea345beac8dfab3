//! Several components at once. Their steps stand next to each other in the history, and to go through it once for many is
//! much faster than once for each: it is larger than every cache.

use crate::certificate::{self, Refusal};
use crate::history::{History, Span};
use crate::script::Script;
use crate::search::{Components, Problem};

/// Steps that components may have together: bounds the memory of their problems, which is some 150 bytes a step.
const STEPS_MAX: usize = 200_000;

/// Cuts `numbers` into groups of components that are small enough together.
pub(super) fn groups(components: &Components, numbers: &[u32]) -> Vec<Vec<u32>> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut steps = usize::MAX;
    for &number in numbers {
        let own = components.members[number as usize].len();
        if steps.saturating_add(own) > STEPS_MAX {
            groups.push(Vec::new());
            steps = 0;
        }
        steps += own;
        groups.last_mut().expect("a group was begun").push(number);
    }
    groups
}

/// The problems of the components `numbers`.
pub(super) fn problems<'s>(
    history: &History,
    script: &'s Script,
    components: &Components,
    numbers: &[u32],
) -> Vec<Problem<'s>> {
    let mut problems: Vec<Problem<'s>> = numbers.iter().map(|_| Problem::empty(script)).collect();
    let mut places = vec![u32::MAX; components.members.len()];
    (0..).zip(numbers).for_each(|(place, &number)| places[number as usize] = place);
    let place = |step: u32| places[components.of_step[step as usize] as usize];
    let own: Vec<u32> = (0..components.of_step.len() as u32).filter(|&step| place(step) != u32::MAX).collect();
    for step in ahead(history, script, &own) {
        problems[place(step) as usize].add(history, step);
    }
    problems
}

/// Steps whose calls are loaded together.
const AHEAD: usize = 32;

/// The same steps, their calls and rows loaded a little ahead: steps of few components stand far from each other in memory, and
/// to wait for many of them at once takes hardly longer than to wait for one.
fn ahead<'a>(history: &'a History, script: &'a Script, steps: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    let load = move |steps: &[u32]| {
        let call = |step: &u32| &history.calls[script.steps[*step as usize].call as usize];
        let mut bodies = [Span::default(); AHEAD];
        let mut seen = 0;
        for (body, call) in bodies.iter_mut().zip(steps.iter().map(call)) {
            *body = call.view().map_or(Span::default(), |view| view.body);
            seen ^= u64::from(call.line);
        }
        for body in bodies {
            let rows = history.rows(body);
            seen ^= rows.first().map_or(0, |row| row.modify_index) ^ rows.last().map_or(0, |row| row.modify_index);
        }
        std::hint::black_box(seen);
    };
    steps.chunks(AHEAD).inspect(move |chunk| load(chunk)).flatten().copied()
}

/// Whether the orders of several components (`members` are all their steps) are linearizations: they are made one.
pub(super) fn verify(history: &History, script: &Script, members: &[u32], orders: &[&[u32]]) -> Result<(), Refusal> {
    match orders {
        [] => Ok(()),
        [order] => certificate::verify(history, script, members, *order),
        _ => certificate::verify(history, script, members, ahead(history, script, &merged(script, orders))),
    }
}

/// One order of all. Each step stands where the latest call before it in its own order stands in the history: so none gets
/// behind a later call than it was behind before (Herlihy and Wing 1990, theorem 1).
fn merged(script: &Script, orders: &[&[u32]]) -> Vec<u32> {
    let points = |order: &'_ &[u32]| {
        let mut latest = 0;
        let point = move |&step: &u32| {
            latest = latest.max(script.steps[step as usize].from);
            (latest as usize, step)
        };
        order.iter().map(point).collect::<Vec<_>>()
    };
    let points: Vec<(usize, u32)> = orders.iter().flat_map(points).collect();
    let highest = points.iter().map(|(point, _)| *point).max().unwrap_or(0);
    // Counted, since there are few steps at a point: first how many stand before each, then where the next one belongs.
    let mut places = vec![0_u32; highest + 2];
    points.iter().for_each(|(point, _)| places[point + 1] += 1);
    for at in 1..places.len() {
        places[at] += places[at - 1];
    }
    let mut merged = vec![0; points.len()];
    for (point, step) in points {
        merged[places[point] as usize] = step;
        places[point] += 1;
    }
    merged
}
