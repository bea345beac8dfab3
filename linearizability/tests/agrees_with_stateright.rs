//! The differential test: forty thousand small random histories, right and wrong, judged by the search, by [`PoTester`] and
//! by stateright's own tester. The answers are made up by executing the calls in a random order that mostly, but not always,
//! respects their intervals, and by bending some of them.

use std::fmt::Write as _;

use linearizability::generate::Random;
use linearizability::history::{CheckSpec, CheckState, Run, Status, Symbol, Token, parse_history};
use linearizability::spec::{Op, Ret, SeenRow, Spec};
use linearizability::verdict::{Property, Status as Found};
use linearizability::{Options, PoTester, judge};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

const HISTORIES: u64 = 40_000;
const NS: Symbol = Symbol(1_000);

/// A call of a small history: when it begins, takes effect and ends, in events.
struct Call {
    thread: u32,
    op: Op,
    ret: Ret,
    is_unknown: bool,
}

/// An event: a call (by position) begins or ends.
#[derive(Clone, Copy)]
enum Event {
    Begin(usize),
    End(usize),
}

struct Small {
    calls: Vec<Call>,
    events: Vec<Event>,
}

fn service(number: u64) -> Symbol {
    Symbol(number as u32)
}

fn id(number: u64) -> Symbol {
    Symbol(100 + number as u32)
}

fn check(service: u64, instance: u64) -> Symbol {
    Symbol(200 + (service * 10 + instance) as u32)
}

fn nonce_of(number: u64) -> Token {
    linearizability::history::Names::default().token(format!("n{number}").as_bytes())
}

fn operation(random: &mut Random, number: u64, services: u64) -> Op {
    let (at, instance) = (random.below(services), random.below(2));
    match random.below(10) {
        0..=2 => {
            let status = [None, Some(Status::Passing)][random.below(2) as usize];
            let spec = CheckSpec { id: check(at, instance), ttl_ms: random.chance(500).then_some(1_000), status };
            let checks = if random.chance(600) { vec![spec] } else { Vec::new() };
            Op::Register { ns: NS, service: service(at), id: id(instance), nonce: nonce_of(number), checks }
        }
        3 => Op::Deregister { ns: NS, service: service(at), id: id(instance) },
        4 => Op::DeregisterId { ns: NS, id: id(instance) },
        5 => {
            let status = [Status::Passing, Status::Warning, Status::Critical][random.below(3) as usize];
            Op::Report { ns: NS, check: check(at, instance), status }
        }
        6 => Op::List { ns: NS },
        _ => Op::Read { ns: NS, service: service(at), passing: random.chance(200) },
    }
}

/// Executes the calls at random moments, mostly inside their intervals.
fn small(seed: u64) -> Small {
    let mut random = Random::new(seed);
    let (threads, services) = (2 + random.below(4), 1 + random.below(2));
    let count = 3 + random.below(9);
    let unknown = if random.chance(500) { 250 } else { 0 };
    let mut spec = Spec::default();
    let mut small = Small { calls: Vec::new(), events: Vec::new() };
    // Per thread: its open call, and whether that took effect.
    let mut open: Vec<Option<(usize, bool)>> = vec![None; threads as usize];
    let mut thread_names: Vec<u32> = (0..threads as u32).collect();
    let mut next_name = threads as u32;
    while small.calls.len() < count as usize || open.iter().any(Option::is_some) {
        let at = random.below(threads) as usize;
        match open[at] {
            None if small.calls.len() < count as usize => {
                let op = operation(&mut random, small.calls.len() as u64, services);
                open[at] = Some((small.calls.len(), false));
                small.events.push(Event::Begin(small.calls.len()));
                small.calls.push(Call { thread: thread_names[at], op, ret: Ret::Rejected, is_unknown: false });
            }
            None => {}
            Some((call, false)) if random.chance(unknown) => {
                // The client gives up; the effect comes now or never.
                if random.chance(500) {
                    spec.invoke(&small.calls[call].op.clone());
                }
                small.calls[call].is_unknown = true;
                open[at] = None;
                thread_names[at] = next_name;
                next_name += 1;
            }
            Some((call, false)) => {
                let state = if random.chance(60) { &mut spec.clone() } else { &mut spec };
                small.calls[call].ret = state.invoke(&small.calls[call].op.clone());
                open[at] = Some((call, true));
            }
            Some((call, true)) => {
                small.events.push(Event::End(call));
                open[at] = None;
            }
        }
    }
    if random.chance(500) {
        bend(&mut small, &mut random);
    }
    small
}

/// Changes one answer a little.
fn bend(small: &mut Small, random: &mut Random) {
    let at = random.below(small.calls.len() as u64) as usize;
    let nonce = nonce_of(random.below(small.calls.len() as u64));
    let Call { op, ret, .. } = &mut small.calls[at];
    match ret {
        // A register is never rejected in the format.
        Ret::Done if matches!(op, Op::Register { .. }) => {}
        Ret::Done => *ret = Ret::Rejected,
        Ret::Rejected => *ret = Ret::Done,
        Ret::Rows(rows) if rows.is_empty() => rows.push(SeenRow { id: id(0), nonce, checks: Vec::new() }),
        Ret::Rows(rows) => match random.below(3) {
            0 => drop(rows.pop()),
            1 => rows[0].nonce = nonce,
            _ => rows[0].checks.iter_mut().for_each(|check| check.status = Status::Critical),
        },
        Ret::Services(names) => drop(names.pop()),
    }
}

/// What stateright's interface says about a tester fed with the history.
fn consistent<T: ConsistencyTester<u32, Spec>>(mut tester: T, small: &Small) -> bool {
    for event in &small.events {
        match *event {
            Event::Begin(call) => {
                tester.on_invoke(small.calls[call].thread, small.calls[call].op.clone()).expect("one call at a time");
            }
            Event::End(call) => {
                tester.on_return(small.calls[call].thread, small.calls[call].ret.clone()).expect("an open call");
            }
        }
    }
    tester.is_consistent()
}

fn rows_json(rows: &[SeenRow]) -> String {
    let text = |row: &SeenRow| {
        let checks: Vec<String> = row
            .checks
            .iter()
            .map(|CheckState { id, status }| format!(r#"["k{}","{}"]"#, id.0, status.word()))
            .collect();
        let names = linearizability::history::Names::default();
        format!(r#"["k{}","{}",1,[{}]]"#, row.id.0, names.token_text(row.nonce), checks.join(","))
    };
    rows.iter().map(text).collect::<Vec<_>>().join(",")
}

/// The same history in the format of HISTORY.md; its indices mean nothing.
fn jsonl(small: &Small) -> String {
    let mut text = String::new();
    for (index, event) in small.events.iter().enumerate() {
        let (kind, number) = match *event {
            Event::Begin(call) => ("invoke", call),
            Event::End(call) => ("ok", call),
        };
        let call = &small.calls[number];
        let (f, arguments) = match &call.op {
            Op::Register { service, id, nonce, checks, .. } => {
                let names = linearizability::history::Names::default();
                let checks: Vec<String> = checks
                    .iter()
                    .map(|check| {
                        let ttl = check.ttl_ms.map_or(String::new(), |ttl_ms| format!(r#","ttl_ms":{ttl_ms}"#));
                        let status =
                            check.status.map_or(String::new(), |status| format!(r#","status":"{}""#, status.word()));
                        format!(r#"{{"id":"k{}"{ttl}{status}}}"#, check.id.0)
                    })
                    .collect();
                let (nonce, checks) = (names.token_text(*nonce), checks.join(","));
                (
                    "register",
                    format!(r#""svc":"k{}","id":"k{}","nonce":"{nonce}","checks":[{checks}]"#, service.0, id.0),
                )
            }
            Op::Deregister { service, id, .. } => ("deregister", format!(r#""svc":"k{}","id":"k{}""#, service.0, id.0)),
            Op::DeregisterId { id, .. } => ("deregister_id", format!(r#""id":"k{}""#, id.0)),
            Op::Report { check, status, .. } => {
                ("report", format!(r#""check":"k{}","status":"{}""#, check.0, status.word()))
            }
            Op::Read { service, passing, .. } => {
                ("poll", format!(r#""svc":"k{}","li":0,"wait_ms":1,"mode":"default","passing":{passing}"#, service.0))
            }
            Op::List { .. } => ("list", r#""mode":"default""#.to_owned()),
        };
        let (kind, value) = match (kind, &call.ret) {
            ("invoke", _) => ("invoke", format!(r#""ns":"d",{arguments}"#)),
            (_, Ret::Rejected) => ("fail", r#""error":"unknown""#.to_owned()),
            (_, Ret::Done) => ("ok", r#""xi":1"#.to_owned()),
            (_, Ret::Rows(rows)) => ("ok", format!(r#""xi":1,"applied":1,"body":[{}]"#, rows_json(rows))),
            (_, Ret::Services(names)) => {
                let names: Vec<String> = names.iter().map(|name| format!(r#""k{}":[]"#, name.0)).collect();
                ("ok", format!(r#""xi":1,"applied":1,"services":{{{}}}"#, names.join(",")))
            }
        };
        let _ = writeln!(
            text,
            r#"{{"index":{index},"time":{index},"process":{},"type":"{kind}","f":"{f}","value":{{{value}}},"x":{{"node":"n1","op":{number}}}}}"#,
            call.thread
        );
    }
    text
}

/// What the search says, without any index.
fn searched(small: &Small) -> bool {
    let history = parse_history(jsonl(small).as_bytes()).expect("a well-formed history");
    let run = Run { history, nodes: Vec::new() };
    let report = judge(&run, &Options { black_box: true, ..Options::default() });
    match report.status(Property::Lin1) {
        Found::Held { .. } | Found::NotExercised => true,
        Found::Violated { .. } => false,
        Found::Undecided { reason } => panic!("a small history must be decided: {reason}"),
    }
}

#[test]
fn forty_thousand_small_histories_agree() {
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..HISTORIES {
        let small = small(seed);
        let expected = consistent(LinearizabilityTester::new(Spec::default()), &small);
        assert_eq!(
            consistent(PoTester::new(Spec::default()), &small),
            expected,
            "PoTester, seed {seed}\n{}",
            jsonl(&small)
        );
        assert_eq!(searched(&small), expected, "search, seed {seed}\n{}", jsonl(&small));
        if expected { right += 1 } else { wrong += 1 }
    }
    assert!(right > HISTORIES / 5 && wrong > HISTORIES / 10, "{right} right, {wrong} wrong: the test is one-sided");
}
