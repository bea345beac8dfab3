//! The number of workers shows nowhere.

use std::fs::File;

use super::read_parallel;
use crate::generate::{Plan, generate_to};

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
        assert_eq!((one.lines, one.end), (other.lines, other.end));
        assert_eq!(one.calls, other.calls, "{workers} workers");
        assert_eq!((&one.rows, &one.specs, &one.symbols), (&other.rows, &other.specs, &other.symbols));
        assert_eq!((&one.check_states, &one.check_lists), (&other.check_states, &other.check_lists));
        let names = |history: &crate::history::History| -> Vec<String> {
            (0..history.names.len()).map(|at| history.name(crate::history::Symbol(at as u32)).into_owned()).collect()
        };
        assert_eq!(names(&one), names(&other));
    }
    std::fs::remove_file(&path).expect("the temporary file");
}
