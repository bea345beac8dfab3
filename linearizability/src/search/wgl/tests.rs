//! Its bounds, and that giving up early changes nothing but the steps taken.

use super::{Found, MEMORY_MAX, Search, search_in};
use crate::generate::{Kind, Plan, Random, Recording, generate};
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

#[test]
fn a_search_that_gives_up_early_names_the_step_of_one_that_does_not() {
    let (mut wrong, mut given_up) = (0, 0);
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let plan = Plan { slots: 2, ..Plan::bench(seed, 40, 6, 1, if seed % 3 == 0 { 100 } else { 0 }) };
        let mut recording = generate(&plan);
        repeat_an_answer(&mut recording, &mut random);
        let history = recording.to_history().expect("a well-formed history");
        let script = Script::build(&history).expect("few checks");
        let members: Vec<u32> = (0..script.steps.len() as u32).collect();
        let problem = Problem::new(&history, &script, &members);
        let mut patient = Search::new(&problem, false, MEMORY_MAX);
        patient.writers = Writers::default();
        let expected = patient.run(&mut { u64::MAX });
        let mut hasty = Search::new(&problem, false, MEMORY_MAX);
        hasty.run(&mut { u64::MAX });
        given_up += u32::from(hasty.lost > hasty.furthest.0);
        let found = search_in(&problem, &mut { u64::MAX }, MEMORY_MAX);
        match (&found, &expected) {
            // Two right orders may differ.
            (Found::Order(_), Found::Order(_)) => {}
            _ => assert_eq!(found, expected, "seed {seed}"),
        }
        wrong += u32::from(matches!(found, Found::Nothing { .. }));
    }
    assert!(wrong > 100 && given_up > 20, "{wrong} wrong histories, {given_up} of them searched twice");
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
