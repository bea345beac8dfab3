//! Its bounds, and that giving up early changes nothing but the steps taken.

use super::{Found, MEMORY_MAX, Search, search_in, search_once};
use crate::generate::{Kind, Mix, Plan, Random, Recording, generate};
use crate::script::Script;
use crate::search::Problem;
use crate::search::writers::Writers;

#[test]
fn a_search_ends_at_its_bounds_of_steps_and_of_memory() {
    let history = generate(&Plan::bench(3, 2_000, 8, 1, 100)).to_history().expect("a well-formed history");
    let script = Script::build(&history).expect("few checks");
    let members: Vec<u32> = (0..script.steps.len() as u32).collect();
    let problem = Problem::new(&history, &script, &members);
    let found = |mut steps: u64, bytes: usize| (search_in(&problem, &mut steps, bytes), steps);
    assert!(matches!(found(10_000_000, MEMORY_MAX).0, Found::Order(_)), "the history is right");
    assert_eq!(found(500, MEMORY_MAX), (Found::OutOfBudget, 0));
    let (ended, left) = found(10_000_000, 1_000);
    assert!(ended == Found::OutOfBudget && left > 0, "memory ends it, with {left} steps left");
}

/// Every kind of step on two instances of each service, some of them without an answer.
fn mixed(seed: u64) -> Plan {
    let mix = Mix { register: 30, deregister: 12, deregister_id: 8, report: 10, read: 40, list: 6, ..Mix::default() };
    let unknown_per_mille = [0, 100, 300][seed as usize % 3];
    let (services, checks) = (1 + (seed % 3) as u32, 2 * (seed % 2) as u32);
    let plan =
        Plan { operations: 20 + seed % 30, services, slots: 2, checks, mix, unknown_per_mille, ..Plan::small(seed) };
    Plan { ttl_ms: 1_000_000, ..plan }
}

/// What [`search_in`] finds if it gives nothing up.
fn patiently(problem: &Problem<'_>) -> Found {
    let once = |anywhere| {
        let mut search = Search::new(problem, anywhere, MEMORY_MAX);
        search.writers = Writers::default();
        search.run(&mut { u64::MAX })
    };
    let found = once(false);
    let is_final = !problem.needs_full || problem.classes.is_empty();
    if is_final || !matches!(found, Found::Nothing { .. }) { found } else { once(true) }
}

#[test]
fn a_search_that_gives_up_early_names_the_step_of_one_that_does_not() {
    let (mut wrong, mut given_up) = (0, 0);
    for seed in 0..800 {
        let mut random = Random::new(seed);
        let bench = Plan { slots: 2, ..Plan::bench(seed, 40, 6, 1, if seed % 3 == 0 { 100 } else { 0 }) };
        let mut recording = generate(&if seed % 2 == 0 { bench } else { mixed(seed) });
        repeat_an_answer(&mut recording, &mut random);
        let history = recording.to_history().expect("a well-formed history");
        let script = Script::build(&history).expect("few checks");
        let members: Vec<u32> = (0..script.steps.len() as u32).collect();
        let problem = Problem::new(&history, &script, &members);
        let (found, expected) = (search_in(&problem, &mut { u64::MAX }, MEMORY_MAX), patiently(&problem));
        match (&found, &expected) {
            // Two right orders may differ.
            (Found::Order(_), Found::Order(_)) => {}
            _ => assert_eq!(found, expected, "seed {seed}"),
        }
        wrong += u32::from(matches!(found, Found::Nothing { .. }));
        given_up += u32::from(stays_proved(&problem));
    }
    assert!(wrong > 200 && given_up > 20, "{wrong} wrong histories, {given_up} of them searched twice");
}

/// Whether the problem is searched twice; then its proof must not need the steps of the second time.
fn stays_proved(problem: &Problem<'_>) -> bool {
    let (mut hasty, mut left) = (Search::new(problem, false, MEMORY_MAX), u64::MAX);
    let is_wrong = matches!(hasty.run(&mut left), Found::Nothing { .. });
    let is_again = is_wrong && hasty.lost > hasty.furthest.0;
    if is_again {
        let found = search_once(problem, false, &mut { u64::MAX - left + 1 }, MEMORY_MAX);
        assert!(matches!(found, Found::Nothing { .. }), "{found:?}");
    }
    is_again
}

/// One read gets the answer of another.
fn repeat_an_answer(recording: &mut Recording, random: &mut Random) {
    let lines = &recording.lines;
    let is_answer = |at: &usize| lines[*at].kind == Kind::Ok && lines[*at].f == "read";
    let answers: Vec<usize> = (0..lines.len()).filter(is_answer).collect();
    let mut pick = || *random.pick(&answers).expect("a read");
    let (from, to) = (pick(), pick());
    recording.lines[to].value = recording.lines[from].value.clone();
}
