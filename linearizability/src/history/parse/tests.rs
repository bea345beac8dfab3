//! The number of workers shows nowhere, and neither does whether a line is read as a usual one.

use std::fs::File;

use super::bodies::Bodies;
use super::line::{Batch, Tables};
use super::usual::usual_line;
use super::{HistoryError, Problem, parse_history, read_parallel};
use crate::generate::{Plan, Random, generate_to};
use crate::history::{Answer, Call, History, Outcome, Row};

#[test]
fn every_number_of_workers_reads_the_same_history() {
    let path = std::env::temp_dir().join(format!("sds-check-workers-{}.jsonl", std::process::id()));
    let mut text = Vec::new();
    generate_to(&Plan { operations: 12_000, ..Plan::small_with_unknown(11) }, &mut text)
        .expect("memory takes every line");
    std::fs::write(&path, &text).expect("a temporary file");
    let read = |workers: usize| {
        let file = File::open(&path).expect("the temporary file");
        read_parallel(&file, text.len() as u64, workers, &path).expect("a right file")
    };
    let one = read(1);
    assert!(one.calls.len() >= 12_000, "{} calls", one.calls.len());
    for workers in 2..=5 {
        let other = read(workers);
        assert_same(&one, &other);
        assert_eq!(one.rows, other.rows);
    }
    std::fs::remove_file(&path).expect("the temporary file");
}

fn assert_same(one: &History, other: &History) {
    assert_eq!((one.lines, one.end), (other.lines, other.end));
    let (ours, theirs) = (spread(one), spread(other));
    assert_eq!(ours.0, theirs.0);
    assert_eq!((&ours.1, &one.specs, &one.symbols), (&theirs.1, &other.specs, &other.symbols));
    assert_eq!((&one.check_states, &one.check_lists), (&other.check_states, &other.check_lists));
    let names = |history: &History| -> Vec<String> {
        (0..history.names.len()).map(|at| history.name(crate::history::Symbol(at as u32)).into_owned()).collect()
    };
    assert_eq!(names(one), names(other));
}

/// The calls, and the rows of each one's own: bodies that are the same share rows where they were read as usual.
fn spread(history: &History) -> (Vec<Call>, Vec<Row>) {
    let (mut calls, mut rows) = (history.calls.clone(), Vec::new());
    for call in &mut calls {
        if let Outcome::Ok(Answer::View(view)) = &mut call.outcome {
            let shown = history.rows(view.body);
            view.body.start = rows.len() as u32;
            rows.extend_from_slice(shown);
        }
    }
    (calls, rows)
}

/// The same text for [`super::cursor`] alone: no usual line begins with a blank.
fn unusual(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.flat_map(|line| [b" ", line].concat()).collect()
}

/// The blank in front moves what is wrong by one byte.
fn assert_same_reading(text: &[u8]) {
    let shown = String::from_utf8_lossy(text);
    match (parse_history(text), parse_history(&unusual(text))) {
        (Ok(one), Ok(other)) => assert_same(&one, &other),
        (
            Err(HistoryError::Line { line, mut problem }),
            Err(HistoryError::Line { line: other_line, problem: other }),
        ) => {
            if let Problem::Damaged { column, .. } = &mut problem {
                *column += 1;
            }
            assert_eq!((line, problem), (other_line, other), "{shown}");
        }
        (Err(HistoryError::Empty), Err(HistoryError::Empty)) => {}
        (one, other) => panic!("{one:?}, but slowly {other:?}: {shown}"),
    }
}

/// With the keys of `x` in the order of the harness's recorder, and what only real servers add.
fn as_recorded(text: &str) -> String {
    let x_sorted = |line: &str| match line.split_once(r#""x":{"node":""#) {
        Some((before, x)) if x.contains(r#","key":""#) => {
            let (x, key) = x.split_once(r#","key":""#).expect("it has a key");
            format!(r#"{before}"x":{{"key":"{}","node":"{x}}}}}"#, key.trim_end_matches("\"}}"))
        }
        _ => line.replace(r#"]],"xi""#, r#"]],"known_leader":true,"last_contact_ms":12,"xi""#),
    };
    text.lines().map(|line| x_sorted(line) + "\n").collect()
}

fn generated(plan: &Plan) -> String {
    let mut text = Vec::new();
    generate_to(plan, &mut text).expect("memory takes every line");
    String::from_utf8(text).expect("generated text is ASCII")
}

#[test]
fn a_usual_line_says_what_it_says_in_any_other_form() {
    for seed in 0..40 {
        let plans = [Plan::small_with_unknown(seed), Plan::bench(seed, 200, 4, 3, 50)];
        let mut random = Random::new(seed);
        for text in plans.iter().map(generated).flat_map(|text| [as_recorded(&text), text]) {
            assert_same_reading(text.as_bytes());
            for _ in 0..60 {
                assert_same_reading(&bent(text.as_bytes(), &mut random));
            }
        }
    }
}

/// With one byte, or one key or value, in another's place.
fn bent(text: &[u8], random: &mut Random) -> Vec<u8> {
    let below = |bound: usize, random: &mut Random| random.below(bound as u64) as usize;
    let mut bent = text.to_vec();
    let at = below(bent.len(), random);
    match random.below(4) {
        0 => bent[at] = *random.pick(b"0123456789\",:{}[] \\\n\x00\x7f\xe9aex-.").expect("some bytes"),
        1 => drop(bent.remove(at)),
        2 => bent.truncate(at),
        _ => {
            // A part between commas once more, a little further on.
            let parts: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b',').collect();
            let from = below(parts.len(), random);
            let to = (from + below(8, random)).min(parts.len());
            bent = [&parts[..to].concat(), parts[from], &parts[to..].concat()].concat();
        }
    }
    bent
}

#[test]
fn nearly_every_line_is_a_usual_one() {
    // The last line has too little behind it.
    for (plan, least) in [(Plan::bench(3, 500, 4, 3, 50), 999), (Plan { operations: 500, ..Plan::small(3) }, 850)] {
        let (text, mut tables, mut batch) = (generated(&plan), Tables::default(), Batch::default());
        for text in [as_recorded(&text), text] {
            let starts = text.match_indices("{\"index\"").map(|(at, _)| at);
            let mut bodies = Bodies::default();
            let mut is_usual = |at| usual_line(&text.as_bytes()[at..], &mut tables, &mut batch, &mut bodies).is_some();
            let count = starts.filter(|&at| is_usual(at)).count();
            assert!(count >= least, "{count} of {} lines", text.lines().count());
        }
    }
}
