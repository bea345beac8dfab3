//! The timeline is one file that needs nothing else, and its data is the history's.

use linearizability::generate::{Plan, generate};
use linearizability::history::{NodeRecord, Role, RoleChange, Run, parse_history};
use linearizability::timeline::{OPERATIONS_MAX, Prefix, Step, render};
use linearizability::verdict::{Evidence, Findings, Property, Report, Violation};
use serde_json::Value;

fn run(plan: &Plan) -> Run {
    Run { history: generate(plan).to_history().expect("well formed"), nodes: Vec::new() }
}

fn report_on(run: &Run, calls: &[u32]) -> Report {
    let mut findings = Findings::default();
    findings.violated(Violation {
        property: Property::W4,
        summary: "a poll slept".to_owned(),
        evidence: calls.iter().map(|call| Evidence::Call(*call)).collect(),
        explanation: vec!["It had to wake.".to_owned()],
    });
    findings.into_report(run.history.calls.len(), &[])
}

/// The JSON that the page carries.
fn data_of(page: &str) -> Value {
    let start =
        page.find("type=\"application/json\">").expect("the page carries data") + "type=\"application/json\">".len();
    let end = start + page[start..].find("</script>").expect("the data ends");
    serde_json::from_str(&page[start..end]).expect("the data is JSON")
}

#[test]
fn the_page_needs_no_network() {
    let run = run(&Plan::small(1));
    let page = render(&run, &report_on(&run, &[0]), &Prefix::default(), "test");
    for outside in ["http://", "https://", " src=", "url(", "@import", "import(", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(outside), "the page refers to something outside: {outside}");
    }
    assert!(page.contains("default-src 'none'"), "the page forbids itself to load anything");
    assert!(!page.contains("{{"), "a place of the skeleton was not filled");
}

#[test]
fn the_page_shows_every_call_with_its_violations_and_the_explained_prefix() {
    let run = run(&Plan::small(2));
    let prefix = Prefix { steps: vec![Step { call: 0, state: "s0: [i1]".to_owned() }], end: "here".to_owned() };
    let data = data_of(&render(&run, &report_on(&run, &[3, 5]), &prefix, "test"));
    assert_eq!(data["ops"].as_array().map(Vec::len), Some(run.history.calls.len()));
    assert_eq!(data["violations"][0]["id"], "W-4");
    assert_eq!(data["violations"][0]["ops"], serde_json::json!([3, 5]));
    assert_eq!(data["violations"][0]["text"], "a poll slept\nIt had to wake.");
    assert_eq!(data["prefix"], serde_json::json!([[0, "s0: [i1]"]]));
    let (op, call) = (&data["ops"][3], &run.history.calls[3]);
    assert_eq!((op[0].as_u64(), op[6].as_u64()), (Some(call.number.into()), Some(call.invoked.0)));
}

#[test]
fn clients_that_never_overlap_share_a_lane_and_no_two_calls_of_a_lane_overlap() {
    let plan = Plan { operations: 400, unknown_per_mille: 150, ..Plan::small(3) };
    let run = run(&plan);
    let data = data_of(&render(&run, &report_on(&run, &[]), &Prefix::default(), "test"));
    let clients: std::collections::BTreeSet<u32> = run.history.calls.iter().map(|call| call.process).collect();
    let lanes = data["lanes"].as_array().expect("lanes").len();
    assert!(lanes < clients.len(), "{lanes} lanes for {} clients", clients.len());
    let mut ends = vec![0; lanes];
    for op in data["ops"].as_array().expect("operations") {
        let lane = op[2].as_u64().expect("a lane") as usize;
        let (call, returned) = (op[6].as_u64().expect("a time"), op[7].as_u64());
        assert!(call >= ends[lane], "two calls of lane {lane} overlap");
        ends[lane] = returned.unwrap_or(u64::MAX);
    }
}

#[test]
fn names_cannot_break_out_of_the_data() {
    let text = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"read","value":{"ns":"default","svc":"</script><b>x","mode":"default"},"x":{"node":"n1","op":1}}
"#;
    let run = Run { history: parse_history(text.as_bytes()).expect("well formed"), nodes: Vec::new() };
    let data = data_of(&render(&run, &report_on(&run, &[]), &Prefix::default(), "</script>"));
    assert_eq!(data["services"][0], "</script><b>x");
    assert_eq!(data["title"], "</script>");
}

/// A name that turns the text around would make the times behind it read backwards.
#[test]
fn names_that_turn_or_steer_text_are_shown_as_numbers() {
    let text = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"read","value":{"ns":"default","svc":"\u202eevil","mode":"default"},"x":{"node":"n\u001b[2J","op":1}}
"#;
    let run = Run { history: parse_history(text.as_bytes()).expect("well formed"), nodes: Vec::new() };
    let data = data_of(&render(&run, &report_on(&run, &[0]), &Prefix::default(), "a\nb"));
    assert_eq!((&data["services"][0], &data["nodes"][0]), (&r"\u{202e}evil".into(), &r"n\u{1b}[2J".into()));
    assert_eq!(data["violations"][0]["text"], "a poll slept\nIt had to wake.", "lines stay lines");
}

#[test]
fn a_long_history_is_shown_around_its_first_violation() {
    let plan = Plan { operations: OPERATIONS_MAX as u64 + 5_000, ..Plan::bench(4, 0, 8, 10, 0) };
    let run = run(&plan);
    let last = run.history.calls.len() as u32 - 100;
    let data = data_of(&render(&run, &report_on(&run, &[last]), &Prefix::default(), "test"));
    assert_eq!(data["ops"].as_array().map(Vec::len), Some(OPERATIONS_MAX));
    assert!(data["note"].as_str().is_some_and(|note| note.contains("around the first violation")), "{}", data["note"]);
    let shown = data["violations"][0]["ops"][0].as_u64().expect("the call is among those shown") as usize;
    assert_eq!(data["ops"][shown][0].as_u64(), Some(run.history.calls[last as usize].number.into()));
}

#[test]
fn roles_and_faults_stand_in_their_servers_lanes() {
    let text = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"read","value":{"ns":"default","svc":"a","mode":"default"},"x":{"node":"n1","op":1}}
{"index":1,"time":20,"process":"nemesis","type":"info","f":"crash","value":{"targets":["n2"]},"x":{"outcome":"installed"}}
{"index":2,"time":50,"process":"nemesis","type":"info","f":"restart","value":{"targets":["n2"]},"x":{"outcome":"installed"}}
"#;
    let role = |time, role| RoleChange { time, term: 2, role, incarnation: 1 };
    let record = NodeRecord {
        node: "n2".to_owned(),
        roles: vec![role(5, Role::Leader), role(20, Role::Stopped)],
        ..NodeRecord::default()
    };
    let run = Run { history: parse_history(text.as_bytes()).expect("well formed"), nodes: vec![record] };
    let data = data_of(&render(&run, &report_on(&run, &[]), &Prefix::default(), "test"));
    assert_eq!(data["nodes"], serde_json::json!(["n1", "n2"]));
    assert_eq!(data["roles"], serde_json::json!([[], [[5, 20, 2, "leader"], [20, null, 2, "stopped"]]]));
    assert_eq!(data["faults"], serde_json::json!([["crash", 20, 50, [1], "crash n2", "installed"]]));
}
