//! The exports say what the history says, and a checker of a few lines reads the same verdict out of them.

use linearizability::export::{Form, write};
use linearizability::generate::{Plan, generate};
use linearizability::history::{History, parse_history};
use serde_json::Value;

const HISTORY: &str = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"register","value":{"ns":"default","svc":"api","id":"i1","nonce":"1-1","checks":[]},"x":{"node":"n1","op":1,"key":"k1"}}
{"index":1,"time":20,"process":1,"type":"info","f":"register","value":{"error":"time-out"},"x":{"node":"n1","op":1}}
{"index":2,"time":30,"process":2,"type":"invoke","f":"register","value":{"ns":"default","svc":"api","id":"i1","nonce":"1-1","checks":[]},"x":{"node":"n2","op":2,"key":"k1"}}
{"index":3,"time":40,"process":2,"type":"ok","f":"register","value":{"xi":2,"checks":[]},"x":{"node":"n2","op":2}}
{"index":4,"time":50,"process":3,"type":"invoke","f":"read","value":{"ns":"default","svc":"api","mode":"default"},"x":{"node":"n1","op":3}}
{"index":5,"time":60,"process":3,"type":"ok","f":"read","value":{"xi":2,"applied":2,"body":[["i1","1-1",2,[]]]},"x":{"node":"n1","op":3}}
{"index":6,"time":70,"process":3,"type":"invoke","f":"deregister_id","value":{"ns":"default","id":"i1"},"x":{"node":"n1","op":4}}
{"index":7,"time":71,"process":4,"type":"invoke","f":"deregister","value":{"ns":"default","svc":"other","id":"i1"},"x":{"node":"n1","op":5}}
{"index":8,"time":80,"process":4,"type":"fail","f":"deregister","value":{"error":"unknown"},"x":{"node":"n1","op":5}}
{"index":9,"time":90,"process":5,"type":"invoke","f":"read","value":{"ns":"default","svc":"api","mode":"stale"},"x":{"node":"n1","op":6}}
{"index":10,"time":99,"process":5,"type":"ok","f":"read","value":{"xi":2,"applied":2,"body":[["i1","1-1",2,[]]],"last_contact_ms":1,"known_leader":true},"x":{"node":"n1","op":6}}
"#;

fn exported(history: &History, form: Form) -> String {
    let mut text = Vec::new();
    write(history, form, &mut text).expect("memory takes every byte");
    String::from_utf8(text).expect("an export is text")
}

#[test]
fn a_history_becomes_registers_in_edn() {
    let history = parse_history(HISTORY.as_bytes()).expect("well formed");
    insta::assert_snapshot!(exported(&history, Form::Knossos), @r#"
    {
     "default/api/i1"
     [{:process 6, :type :invoke, :f :write, :value 1, :time 10, :index 0}
      {:process 6, :type :ok, :f :write, :value 1, :time 40, :index 1}
      {:process 3, :type :invoke, :f :read, :value nil, :time 50, :index 2}
      {:process 3, :type :ok, :f :read, :value 1, :time 60, :index 3}
      {:process 3, :type :invoke, :f :write, :value 0, :time 70, :index 4}]
     "default/other/i1"
     [{:process 3, :type :invoke, :f :write, :value 0, :time 70, :index 0}
      {:process 4, :type :invoke, :f :read, :value nil, :time 71, :index 1}
      {:process 4, :type :ok, :f :read, :value 0, :time 80, :index 2}]
    }
    "#);
}

#[test]
fn a_history_becomes_operations_in_json() {
    let history = parse_history(HISTORY.as_bytes()).expect("well formed");
    insta::assert_snapshot!(exported(&history, Form::Porcupine), @r#"
    [
    {"Cells":["default/api/i1","default/other/i1"],"Operations":[
    {"Call":10,"ClientId":6,"Input":{"Writes":[[0,1]]},"Output":{"Reads":[]},"Return":40},
    {"Call":50,"ClientId":3,"Input":{"Writes":[]},"Output":{"Reads":[[0,1]]},"Return":60},
    {"Call":70,"ClientId":3,"Input":{"Writes":[[0,0],[1,0]]},"Output":{"Reads":[]},"Return":9223372036854775807},
    {"Call":71,"ClientId":4,"Input":{"Writes":[]},"Output":{"Reads":[[1,0]]},"Return":80}]}
    ]
    "#);
}

/// A client may call again in the very moment of its answer; Knossos rejects a process that calls twice at once.
#[test]
fn events_of_one_moment_stand_in_the_order_of_the_lines() {
    let text = HISTORY.replace(r#""time":70,"#, r#""time":60,"#);
    let history = parse_history(text.as_bytes()).expect("well formed");
    let edn = exported(&history, Form::Knossos);
    let answer = edn.find(":process 3, :type :ok, :f :read").expect("the read's answer");
    let call = edn.find(":process 3, :type :invoke, :f :write").expect("the call behind it");
    assert!(answer < call, "{edn}");
}

/// EDN knows `\uXXXX` and no other escape by number.
#[test]
fn odd_names_are_escaped_as_edn_and_json_know_it() {
    let odd = r#"a\"b\\c\u202e\u0007\nd"#;
    let history = parse_history(HISTORY.replace(r#""i1""#, &format!("\"{odd}\"")).as_bytes()).expect("well formed");
    let name = "default/api/a\"b\\c\u{202e}\u{7}\nd";
    let edn = exported(&history, Form::Knossos);
    let key = edn.lines().nth(1).expect("the first instance").trim();
    assert_eq!(serde_json::from_str::<String>(key).expect("the escapes of JSON"), name);
    let json: Value = serde_json::from_str(&exported(&history, Form::Porcupine)).expect("the export is JSON");
    assert_eq!(json[0]["Cells"][0], name);
}

/// The server may answer a retry with the refusal that it stored for the first try, when the instance did not exist yet.
#[test]
fn a_refused_retry_looks_from_its_first_try_on() {
    let text = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"deregister","value":{"ns":"d","svc":"s","id":"i"},"x":{"node":"n1","op":1,"key":"k"}}
{"index":1,"time":20,"process":1,"type":"info","f":"deregister","value":{"error":"time-out"},"x":{"node":"n1","op":1}}
{"index":2,"time":30,"process":2,"type":"invoke","f":"register","value":{"ns":"d","svc":"s","id":"i","nonce":"2-2"},"x":{"node":"n1","op":2}}
{"index":3,"time":40,"process":2,"type":"ok","f":"register","value":{"xi":2},"x":{"node":"n1","op":2}}
{"index":4,"time":50,"process":3,"type":"invoke","f":"deregister","value":{"ns":"d","svc":"s","id":"i"},"x":{"node":"n1","op":3,"key":"k"}}
{"index":5,"time":60,"process":3,"type":"fail","f":"deregister","value":{"error":"unknown"},"x":{"node":"n1","op":3}}
{"index":6,"time":70,"process":4,"type":"invoke","f":"read","value":{"ns":"d","svc":"s"},"x":{"node":"n1","op":4}}
{"index":7,"time":80,"process":4,"type":"ok","f":"read","value":{"xi":2,"applied":2,"body":[["i","2-2",2,[]]]},"x":{"node":"n1","op":4}}
"#;
    let history = parse_history(text.as_bytes()).expect("well formed");
    let parsed: Value = serde_json::from_str(&exported(&history, Form::Porcupine)).expect("the export is JSON");
    let operations = parsed[0]["Operations"].as_array().expect("operations");
    assert!(has_an_order(&mut operations.iter().map(operation).collect(), &mut [0]), "{parsed:#}");
    let clients: std::collections::BTreeSet<_> =
        operations.iter().map(|operation| operation["ClientId"].as_u64()).collect();
    assert_eq!(clients.len(), operations.len(), "no client has two calls open: {parsed:#}");
}

/// One operation of the JSON form: call, return, reads, writes.
struct Operation {
    call: u64,
    returned: u64,
    reads: Vec<(usize, u64)>,
    writes: Vec<(usize, u64)>,
}

fn pairs(value: &Value) -> Vec<(usize, u64)> {
    let pairs = value.as_array().expect("a list of pairs").iter();
    pairs.map(|pair| (pair[0].as_u64().expect("a register") as usize, pair[1].as_u64().expect("a value"))).collect()
}

/// Depth first over what may come next; for histories of a few operations. Unknown outcomes may stay out.
fn has_an_order(left: &mut Vec<Operation>, registers: &mut [u64]) -> bool {
    let bound = left.iter().map(|operation| operation.returned).min().unwrap_or(u64::MAX);
    if left.iter().all(|operation| operation.returned == i64::MAX as u64) {
        return true;
    }
    for at in 0..left.len() {
        if left[at].call > bound || left[at].reads.iter().any(|(cell, value)| registers[*cell] != *value) {
            continue;
        }
        let operation = left.remove(at);
        let before = registers.to_vec();
        operation.writes.iter().for_each(|(cell, value)| registers[*cell] = *value);
        let found = has_an_order(left, registers);
        registers.copy_from_slice(&before);
        left.insert(at, operation);
        if found {
            return true;
        }
    }
    false
}

#[test]
fn the_json_of_right_histories_has_an_order_and_that_of_wrong_ones_has_none() {
    let (mut groups, mut rejected) = (0, 0);
    for seed in 0..200 {
        let plan = Plan { operations: 14, clients: 3, ..Plan::small(seed) };
        let history = generate(&plan).to_history().expect("well formed");
        let parsed: Value = serde_json::from_str(&exported(&history, Form::Porcupine)).expect("the export is JSON");
        for group in parsed.as_array().expect("a list of groups") {
            let mut operations: Vec<Operation> =
                group["Operations"].as_array().expect("operations").iter().map(operation).collect();
            let mut registers = vec![0; group["Cells"].as_array().expect("cells").len()];
            assert!(has_an_order(&mut operations, &mut registers), "seed {seed}: {group:#}");
            groups += 1;
            // A read of a value that was never written has no place in any order.
            if let Some(read) = operations.iter_mut().flat_map(|operation| &mut operation.reads).next() {
                read.1 = 999_999;
                assert!(!has_an_order(&mut operations, &mut registers), "seed {seed}: {group:#}");
                rejected += 1;
            }
        }
    }
    assert!(groups > 200 && rejected > 100, "too little was exported: {groups} groups, {rejected} with a read");
}

fn operation(value: &Value) -> Operation {
    let number = |key: &str| value[key].as_u64().expect("a time");
    Operation {
        call: number("Call"),
        returned: number("Return"),
        reads: pairs(&value["Output"]["Reads"]),
        writes: pairs(&value["Input"]["Writes"]),
    }
}
