//! W-13 where what is parked is no poll: a stale read that waits for its floor.

use linearizability::history::{NodeRecord, Run, WatchSample, parse_history};
use linearizability::{Options, judge};

const SECOND: u64 = 1_000_000_000;

/// A stale read with a floor, called at 1 s and given up at 2 s; the last line stands at 9 s.
const HISTORY: &str = r#"{"index":0,"time":1000000000,"process":1,"type":"invoke","f":"read","value":{"ns":"d","svc":"s","mode":"stale","index":50},"x":{"node":"n1","op":1}}
{"index":1,"time":2000000000,"process":1,"type":"fail","f":"read","value":{"error":"behind"},"x":{"node":"n1","op":1}}
{"index":2,"time":8000000000,"process":1,"type":"invoke","f":"read","value":{"ns":"d","svc":"s"},"x":{"node":"n1","op":2}}
{"index":3,"time":9000000000,"process":1,"type":"ok","f":"read","value":{"xi":1,"applied":1,"body":[]},"x":{"node":"n1","op":2}}
"#;

/// Whether so many parked at that moment are too many.
fn is_rejected(history: &str, time: u64, parked: u64) -> bool {
    let record =
        NodeRecord { node: "n1".to_owned(), watches: vec![WatchSample { time, parked }], ..NodeRecord::default() };
    let run = Run { history: parse_history(history.as_bytes()).expect("well formed"), nodes: vec![record] };
    judge(&run, &Options::default()).violations.iter().any(|violation| violation.property.id() == "W-13")
}

#[test]
fn a_read_that_waits_for_its_floor_may_be_parked_until_a_second_after_it_ended() {
    assert!(!is_rejected(HISTORY, SECOND + SECOND / 2, 1));
    assert!(!is_rejected(HISTORY, 3 * SECOND, 1));
    assert!(is_rejected(HISTORY, SECOND + SECOND / 2, 2), "one read is no two");
    assert!(is_rejected(HISTORY, 3 * SECOND + SECOND * 6 / 10, 1), "it is gone by now");
    assert!(is_rejected(HISTORY, SECOND / 2, 1), "it was not called yet");
}

#[test]
fn a_read_without_a_floor_is_never_parked() {
    let history = HISTORY.replace(r#","index":50"#, "");
    assert!(is_rejected(&history, SECOND + SECOND / 2, 1));
}
