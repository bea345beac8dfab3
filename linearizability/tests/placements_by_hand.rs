//! Small histories written by hand: unknown writes that hide each other, and answers that no placement of them explains.
//!
//! One call a line: process, operation, arguments, and then its end: `ok` with the answer, `fail` with the error, `?` for an
//! unknown outcome, `...` if it is answered by a later line that names its process and the end alone.

use linearizability::history::{Run, parse_history};
use linearizability::verdict::{Property, Status};
use linearizability::{Options, explained_prefix, judge, report};
use serde_json::{Value, json};

/// The history in the recorder's format.
fn history(notes: &str) -> String {
    let mut text = String::new();
    let mut lines = 0;
    let mut ops = 0;
    let mut open = std::collections::BTreeMap::new();
    for note in notes.lines().map(str::trim).filter(|note| !note.is_empty()) {
        let (process, rest) = note.split_once(' ').expect("a process");
        let mut values = rest.splitn(2, ' ');
        let f = values.next().expect("an operation or an end");
        let mut rest = values.next().unwrap_or_default();
        let mut line = |kind: &str, f: &str, value: &Value, op: u32| {
            let time = lines * 1_000_000;
            text += &format!(
                r#"{{"index":{lines},"time":{time},"process":{process},"type":"{kind}","f":"{f}","value":{value},"x":{{"node":"n1","op":{op}}}}}"#
            );
            text += "\n";
            lines += 1;
        };
        let (f, op, end) = if matches!(f, "ok" | "fail" | "?") {
            let (operation, op): (String, u32) = open.remove(process).expect("an open call");
            (operation, op, (f, rest))
        } else {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let mut arguments = stream.next().expect("arguments").expect("JSON");
            rest = rest[stream.byte_offset()..].trim();
            arguments["ns"] = json!("default");
            line("invoke", f, &arguments, ops);
            ops += 1;
            (f.to_owned(), ops - 1, rest.split_once(' ').unwrap_or((rest, "")))
        };
        match end {
            ("...", _) => drop(open.insert(process, (f, op))),
            ("?", _) => line("info", &f, &json!({ "error": "time-out" }), op),
            (kind, value) => line(kind, &f, &serde_json::from_str(value).expect("JSON"), op),
        }
    }
    text
}

/// The verdicts on LIN-1 and LIN-2.
fn verdict(notes: &str) -> (String, [&'static str; 2]) {
    let history = parse_history(history(notes).as_bytes()).expect("a well-formed history");
    let run = Run { history, nodes: Vec::new() };
    let report = judge(&run, &Options { only_linear: true, ..Options::default() });
    let word = |property| match report.status(property) {
        Status::Held { .. } => "held",
        Status::Violated { .. } => "violated",
        Status::Undecided { .. } => "undecided",
        Status::NotExercised => "not exercised",
    };
    let verdict = [word(Property::Lin1), word(Property::Lin2)];
    let prefix = explained_prefix(&run, &Options::default());
    // What the timeline says of the order has to be what the verdict says.
    if verdict == HELD {
        assert_eq!(prefix.end, "every operation is explained");
    } else if verdict[0] != "held" {
        assert_ne!(prefix.end, "every operation is explained");
    }
    (report::to_text(&run.history, &report), verdict)
}

fn check(expected: [&str; 2], notes: &str) {
    let (text, verdict) = verdict(notes);
    assert_eq!(verdict, expected, "{text}");
}

const HELD: [&str; 2] = ["held", "held"];
const WRONG_INDEX: [&str; 2] = ["held", "violated"];

#[test]
fn a_register_and_a_deregister_hide_each_other_and_only_the_service_index_tells() {
    check(
        HELD,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        1 register {"svc":"s","id":"b","nonce":"b0"} ?
        2 deregister {"svc":"s","id":"b"} ?
        0 read {"svc":"s"} ok {"xi":4,"applied":4,"body":[["a","a0",2,[]]]}
        "#,
    );
}

#[test]
fn one_of_two_hidden_writes_alone_does_not_explain_a_service_index() {
    // Register alone would show b; deregister alone removes nothing.
    check(
        WRONG_INDEX,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        1 register {"svc":"s","id":"b","nonce":"b0"} ?
        2 deregister {"svc":"s","id":"b"} ?
        0 read {"svc":"s"} ok {"xi":3,"applied":3,"body":[["a","a0",2,[]]]}
        "#,
    );
}

#[test]
fn a_reader_that_saw_the_state_between_fixes_where_hidden_writes_stand() {
    let notes = |index: u64| {
        format!(
            r#"
            0 register {{"svc":"s","id":"a","nonce":"a0"}} ok {{"xi":2}}
            1 register {{"svc":"s","id":"b","nonce":"b0"}} ?
            2 deregister {{"svc":"s","id":"b"}} ?
            0 read {{"svc":"s"}} ok {{"xi":3,"applied":3,"body":[["a","a0",2,[]],["b","b0",3,[]]]}}
            0 register {{"svc":"t","id":"c","nonce":"c0"}} ok {{"xi":4}}
            0 read {{"svc":"s"}} ok {{"xi":{index},"applied":6,"body":[["a","a0",2,[]]]}}
            "#
        )
    };
    check(HELD, &notes(5));
    check(HELD, &notes(6));
    // Index 4 is another's, and at 3 the row was still there.
    check(WRONG_INDEX, &notes(4));
    check(WRONG_INDEX, &notes(3));
}

#[test]
fn an_instance_removed_and_registered_again_unseen_shows_in_its_modify_index_alone() {
    let notes = |modified: u64, index: u64| {
        format!(
            r#"
            0 register {{"svc":"s","id":"a","nonce":"a0"}} ok {{"xi":2}}
            1 deregister {{"svc":"s","id":"a"}} ?
            2 register {{"svc":"s","id":"a","nonce":"a1"}} ?
            0 read {{"svc":"s"}} ok {{"xi":{index},"applied":{index},"body":[["a","a1",{modified},[]]]}}
            "#
        )
    };
    check(HELD, &notes(3, 3));
    check(HELD, &notes(4, 4));
    // Behind the registration nothing is left that could have moved the service.
    check(WRONG_INDEX, &notes(3, 4));
}

#[test]
fn an_unknown_renewal_of_many_comes_after_the_registration_that_shows_the_check_critical() {
    // At once after its call it would be the likeliest; but then the registration would have kept `passing`.
    check(
        HELD,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0","checks":[{"id":"c"}]} ok {"xi":2}
        1 renew_many {"checks":["c"]} ?
        2 deregister {"svc":"s","id":"a"} ?
        0 register {"svc":"s","id":"a","nonce":"a1","checks":[{"id":"c"}]} ok {"xi":4}
        0 read {"svc":"s"} ok {"xi":4,"applied":4,"body":[["a","a1",4,[["c","critical"]]]]}
        0 read {"svc":"s"} ok {"xi":5,"applied":5,"body":[["a","a1",5,[["c","passing"]]]]}
        "#,
    );
}

#[test]
fn an_unknown_renewal_and_an_unknown_deregister_are_both_used_up_before_the_registration() {
    // The service was at 4 before the registration at 5: renewed at 3, removed at 4, or the other way round is impossible.
    check(
        HELD,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0","checks":[{"id":"c"}]} ok {"xi":2}
        1 renew_many {"checks":["c"]} ?
        2 deregister {"svc":"s","id":"a"} ?
        0 read {"svc":"s"} ok {"xi":4,"applied":4,"body":[]}
        0 read {"svc":"s"} ok {"xi":4,"applied":4,"body":[]}
        0 register {"svc":"s","id":"a","nonce":"a1","checks":[{"id":"c"}]} ok {"xi":5}
        0 read {"svc":"s"} ok {"xi":5,"applied":5,"body":[["a","a1",5,[["c","critical"]]]]}
        "#,
    );
}

#[test]
fn an_unknown_renewal_cannot_be_used_twice() {
    check(
        ["violated", "not exercised"],
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0","checks":[{"id":"c"}]} ok {"xi":2}
        1 renew_many {"checks":["c"]} ?
        0 read {"svc":"s"} ok {"xi":3,"applied":3,"body":[["a","a0",3,[["c","passing"]]]]}
        0 report {"check":"c","status":"warning"} ok {"xi":4}
        0 read {"svc":"s"} ok {"xi":5,"applied":5,"body":[["a","a0",5,[["c","passing"]]]]}
        "#,
    );
}

#[test]
fn an_expiry_and_an_unknown_register_compete_for_one_free_index() {
    let notes = |modified: u64, service: u64| {
        format!(
            r#"
            0 register {{"svc":"s","id":"a","nonce":"a0","checks":[{{"id":"c","ttl_ms":10}}]}} ok {{"xi":2}}
            0 report {{"check":"c","status":"passing"}} ok {{"xi":3}}
            1 register {{"svc":"s","id":"b","nonce":"b0"}} ?
            0 register {{"svc":"t","id":"x","nonce":"x0"}} ok {{"xi":5}}
            0 read {{"svc":"s"}} ok {{"xi":{service},"applied":6,"body":[["a","a0",{modified},[["c","critical"]]],["b","b0",{service},[]]]}}
            "#
        )
    };
    // The expiry at 4, the registration at 6.
    check(HELD, &notes(4, 6));
    // Both at 4, or both at 6: one Index is one change.
    check(WRONG_INDEX, &notes(4, 4));
    check(WRONG_INDEX, &notes(6, 6));
    // Index 5 is that of t.
    check(WRONG_INDEX, &notes(4, 5));
}

#[test]
fn the_only_free_index_can_be_the_expiry_or_the_register_but_not_both() {
    let notes = |body: &str| {
        format!(
            r#"
            0 register {{"svc":"s","id":"a","nonce":"a0","checks":[{{"id":"c","ttl_ms":10,"status":"passing"}}]}} ok {{"xi":2}}
            1 register {{"svc":"s","id":"b","nonce":"b0"}} ?
            0 register {{"svc":"t","id":"x","nonce":"x0"}} ok {{"xi":4}}
            0 read {{"svc":"s"}} ok {{"xi":3,"applied":4,"body":[{body}]}}
            "#
        )
    };
    check(HELD, &notes(r#"["a","a0",3,[["c","critical"]]]"#));
    check(HELD, &notes(r#"["a","a0",2,[["c","passing"]]],["b","b0",3,[]]"#));
    check(WRONG_INDEX, &notes(r#"["a","a0",3,[["c","critical"]]],["b","b0",3,[]]"#));
    check(WRONG_INDEX, &notes(r#"["a","a0",2,[["c","critical"]]],["b","b0",3,[]]"#));
}

#[test]
fn two_unknown_writes_cannot_share_an_index() {
    check(
        WRONG_INDEX,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        1 register {"svc":"s","id":"b","nonce":"b0"} ?
        2 register {"svc":"s","id":"c","nonce":"c0"} ?
        0 read {"svc":"s"} ok {"xi":3,"applied":3,"body":[["a","a0",2,[]],["b","b0",3,[]],["c","c0",3,[]]]}
        "#,
    );
}

#[test]
fn two_unknown_writes_of_two_services_cannot_share_an_index() {
    let notes = |second: u64| {
        format!(
            r#"
            1 register {{"svc":"s","id":"b","nonce":"b0"}} ?
            2 register {{"svc":"t","id":"c","nonce":"c0"}} ?
            0 read {{"svc":"s"}} ok {{"xi":2,"applied":3,"body":[["b","b0",2,[]]]}}
            0 read {{"svc":"t"}} ok {{"xi":{second},"applied":3,"body":[["c","c0",{second},[]]]}}
            "#
        )
    };
    check(HELD, &notes(3));
    check(WRONG_INDEX, &notes(2));
}

#[test]
fn a_service_index_that_nobody_could_own_is_wrong() {
    // Index 3 is the other service's, and no unknown write is left.
    check(
        WRONG_INDEX,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        0 register {"svc":"t","id":"x","nonce":"x0"} ok {"xi":3}
        1 register {"svc":"t","id":"y","nonce":"y0"} ?
        0 read {"svc":"s"} ok {"xi":3,"applied":3,"body":[["a","a0",2,[]]]}
        "#,
    );
}

#[test]
fn an_unknown_write_called_after_the_reader_returned_explains_nothing_to_it() {
    let notes = |before: &str, behind: &str| {
        format!(
            r#"
            0 register {{"svc":"s","id":"a","nonce":"a0"}} ok {{"xi":2}}
            {before}
            0 read {{"svc":"s"}} ok {{"xi":4,"applied":4,"body":[["a","a0",2,[]]]}}
            {behind}
            0 read {{"svc":"s"}} ok {{"xi":4,"applied":4,"body":[["a","a0",2,[]]]}}
            "#
        )
    };
    let register = r#"1 register {"svc":"s","id":"b","nonce":"b0"} ?"#;
    let deregister = r#"2 deregister {"svc":"s","id":"b"} ?"#;
    check(HELD, &notes(&format!("{register}\n{deregister}"), ""));
    check(WRONG_INDEX, &notes(register, deregister));
    check(WRONG_INDEX, &notes(deregister, register));
}

#[test]
fn an_unknown_write_called_while_the_reader_waits_explains_its_answer() {
    check(
        HELD,
        r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        0 read {"svc":"s"} ...
        1 register {"svc":"s","id":"b","nonce":"b0"} ?
        2 deregister {"svc":"s","id":"b"} ?
        0 ok {"xi":4,"applied":4,"body":[["a","a0",2,[]]]}
        "#,
    );
}

#[test]
fn a_rejection_needs_the_state_between_two_hidden_writes() {
    // b was there at 3 (a reader saw it), gone at 4, and there again at 5.
    let notes = |unknown: &str| {
        format!(
            r#"
            0 register {{"svc":"s","id":"b","nonce":"b0"}} ok {{"xi":2}}
            {unknown}
            0 read {{"svc":"s"}} ok {{"xi":2,"applied":2,"body":[["b","b0",2,[]]]}}
            0 deregister {{"svc":"s","id":"b"}} fail {{"error":"unknown"}}
            0 read {{"svc":"s"}} ok {{"xi":4,"applied":4,"body":[["b","b1",4,[]]]}}
            "#
        )
    };
    let (remove, again) =
        (r#"1 deregister {"svc":"s","id":"b"} ?"#, r#"2 register {"svc":"s","id":"b","nonce":"b1"} ?"#);
    check(HELD, &notes(&format!("{remove}\n{again}")));
    check(["violated", "not exercised"], &notes(again));
}

#[test]
fn what_explains_a_rejection_may_have_happened_behind_every_index_that_was_claimed() {
    let notes = |unknown: &str| {
        format!(
            r#"
            0 register {{"svc":"s","id":"b","nonce":"b0"}} ok {{"xi":2}}
            {unknown}
            0 read {{"svc":"s"}} ok {{"xi":2,"applied":2,"body":[["b","b0",2,[]]]}}
            0 deregister {{"svc":"s","id":"b"}} fail {{"error":"unknown"}}
            "#
        )
    };
    check(HELD, &notes(r#"1 deregister {"svc":"s","id":"b"} ?"#));
    check(["violated", "not exercised"], &notes(""));
}

#[test]
fn a_report_saw_the_change_of_another_service_and_does_not_own_its_index() {
    // The check was in `warning` before, by a registration that nobody saw: the report of it changes nothing.
    let notes = |status: &str| {
        format!(
            r#"
            0 register {{"svc":"s","id":"a","nonce":"a0","checks":[{{"id":"c","status":"passing"}}]}} ok {{"xi":2}}
            1 report {{"check":"c","status":"{status}"}} ?
            0 register {{"svc":"t","id":"x","nonce":"x0"}} ok {{"xi":4}}
            0 report {{"check":"c","status":"warning"}} ok {{"xi":4}}
            "#
        )
    };
    check(HELD, &notes("warning"));
    check(WRONG_INDEX, &notes("critical"));
}

/// In both, the unknown writes of `t` need two indices that neighbour each other, and the register of `s/b` may have one of them or
/// the one that nobody else needs: which service chooses first, and thus what they are called, must not matter.
#[test]
fn services_compete_for_indices_and_one_of_them_has_a_choice() {
    let early = r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        1 register {"svc":"s","id":"b","nonce":"b0"} ?
        2 deregister {"svc":"s","id":"b"} ?
        0 register {"svc":"t","id":"x","nonce":"x0"} ok {"xi":4}
        0 read {"svc":"t"} ok {"xi":4,"applied":4,"body":[["x","x0",4,[]]]}
        3 register {"svc":"t","id":"y","nonce":"y0"} ?
        4 deregister {"svc":"t","id":"y"} ?
        0 read {"svc":"t"} ok {"xi":6,"applied":6,"body":[["x","x0",4,[]]]}
        0 read {"svc":"s"} ok {"xi":7,"applied":7,"body":[["a","a0",2,[]]]}
        "#;
    let late = r#"
        0 register {"svc":"s","id":"a","nonce":"a0"} ok {"xi":2}
        1 register {"svc":"s","id":"b","nonce":"b0"} ?
        2 deregister {"svc":"s","id":"b"} ?
        0 register {"svc":"t","id":"x","nonce":"x0"} ok {"xi":3}
        0 read {"svc":"t"} ok {"xi":3,"applied":3,"body":[["x","x0",3,[]]]}
        3 register {"svc":"t","id":"y","nonce":"y0"} ?
        4 deregister {"svc":"t","id":"y"} ?
        0 read {"svc":"t"} ok {"xi":5,"applied":5,"body":[["x","x0",3,[]]]}
        0 read {"svc":"s"} ok {"xi":7,"applied":7,"body":[["a","a0",2,[]]]}
        "#;
    for notes in [early, late] {
        check(HELD, notes);
        check(HELD, &notes.replace(r#""svc":"s""#, r#""svc":"u""#));
    }
}

/// As in the test above, the report at the index of `v` saw a change of `s` that nobody was shown, and the witness cannot know.
/// It happened at the last free index before, which every other service would rather have too.
#[test]
fn the_service_without_a_choice_chooses_first() {
    check(
        HELD,
        r#"
        0 register {"svc":"t","id":"b","nonce":"b0"} ?
        1 deregister {"svc":"t","id":"b"} ?
        2 register {"svc":"s","id":"a","nonce":"a0","checks":[{"id":"c","status":"passing"}]} ok {"xi":2}
        2 read {"svc":"s"} ok {"xi":2,"applied":3,"body":[["a","a0",2,[["c","passing"]]]]}
        3 report {"check":"c","status":"warning"} ?
        2 register {"svc":"v","id":"x","nonce":"x0"} ok {"xi":5}
        2 report {"check":"c","status":"warning"} ok {"xi":5}
        2 read {"svc":"t"} ok {"xi":6,"applied":6,"body":[]}
        "#,
    );
}

/// The same with a third service, `u`, which has fewer indices to choose from than `t` and more than `s`: only the fourth turn
/// has them in the order `s`, `u`, `t`.
#[test]
fn services_take_turns_until_each_finds_room() {
    check(
        HELD,
        r#"
        0 register {"svc":"t","id":"b","nonce":"b0"} ?
        1 deregister {"svc":"t","id":"b"} ?
        2 register {"svc":"s","id":"a","nonce":"a0","checks":[{"id":"c","status":"passing"}]} ok {"xi":2}
        2 read {"svc":"s"} ok {"xi":2,"applied":3,"body":[["a","a0",2,[["c","passing"]]]]}
        3 register {"svc":"u","id":"d","nonce":"d0"} ?
        4 deregister {"svc":"u","id":"d"} ?
        2 read {"svc":"s"} ok {"xi":2,"applied":4,"body":[["a","a0",2,[["c","passing"]]]]}
        5 report {"check":"c","status":"warning"} ?
        2 register {"svc":"v","id":"x","nonce":"x0"} ok {"xi":6}
        2 report {"check":"c","status":"warning"} ok {"xi":6}
        2 read {"svc":"t"} ok {"xi":7,"applied":8,"body":[]}
        2 read {"svc":"u"} ok {"xi":8,"applied":8,"body":[]}
        "#,
    );
}
