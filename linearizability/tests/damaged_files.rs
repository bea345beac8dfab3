//! A file that is cut off, damaged or inconsistent gets a clear error with its line, never a verdict.

use linearizability::generate::{Plan, generate, generate_to};
use linearizability::history::{HistoryError, Operation, Problem, parse_history, read_history};

const CALL: &str = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"deregister","value":{"ns":"d","svc":"s","id":"i"},"x":{"node":"n1","op":7}}"#;
const ANSWER: &str =
    r#"{"index":1,"time":20,"process":1,"type":"ok","f":"deregister","value":{"xi":3},"x":{"node":"n1","op":7}}"#;

/// The line and what is wrong with it.
fn problem(lines: &[&str]) -> (u32, Problem) {
    match parse_history((lines.join("\n") + "\n").as_bytes()) {
        Err(HistoryError::Line { line, problem }) => (line, problem),
        other => panic!("expected an error on a line, got {other:?}"),
    }
}

fn third(line: &str) -> (u32, Problem) {
    problem(&[CALL, ANSWER, line])
}

#[test]
fn a_right_file_is_read() {
    let history = parse_history(format!("{CALL}\n{ANSWER}\n").as_bytes()).expect("a right file");
    assert_eq!((history.calls.len(), history.lines, history.calls[0].end_line), (1, 2, 2));
}

#[test]
fn keys_may_stand_in_any_order_with_white_space() {
    let call = r#" { "x" : {"op":7, "node":"n1"}, "f":"deregister", "value": {"id":"i","ns":"d","svc":"s"}, "type":"invoke", "process":1, "time":10, "index":0 } "#;
    let history = parse_history(format!("{call}\n{ANSWER}\n").as_bytes()).expect("a right file");
    assert_eq!(history.calls.len(), 1);
}

#[test]
fn an_empty_file_is_an_error() {
    assert!(matches!(parse_history(b""), Err(HistoryError::Empty)));
}

#[test]
fn a_missing_file_is_an_error_with_its_name() {
    let error = read_history("/nowhere/history.jsonl".as_ref()).expect_err("there is no such file");
    assert!(error.to_string().contains("/nowhere/history.jsonl"), "{error}");
}

#[test]
fn a_file_cut_off_in_a_line_is_an_error_wherever_it_is_cut() {
    let whole = format!("{CALL}\n{ANSWER}");
    for length in CALL.len() + 2..whole.len() {
        match parse_history(&whole.as_bytes()[..length]) {
            Err(HistoryError::Line { line: 2, problem: Problem::CutOff }) => {}
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

#[test]
fn a_damaged_byte_is_an_error_with_line_and_byte() {
    let (line, problem) = problem(&[CALL, &ANSWER.replace(r#""xi":3"#, r#""xi":x"#)]);
    assert_eq!(line, 2);
    let at = ANSWER.find(r#"3}"#).expect("the number");
    assert!(matches!(problem, Problem::Damaged { column, .. } if column == at), "{problem}");
}

#[test]
fn a_negative_or_broken_number_is_an_error() {
    for bad in ["-3", "3.5", "1e3", "99999999999999999999999", ""] {
        let (line, problem) = problem(&[CALL, &ANSWER.replace(r#""xi":3"#, &format!(r#""xi":{bad}"#))]);
        assert_eq!(line, 2, "{bad}: {problem}");
    }
}

#[test]
fn missing_keys_are_named() {
    for (key, text) in
        [("index", r#""index":1,"#), ("time", r#""time":20,"#), ("xi", r#""xi":3"#), ("x.op", r#","op":7"#)]
    {
        let (_, problem) = problem(&[CALL, &ANSWER.replace(text, "")]);
        assert!(problem.to_string().contains(key), "{key}: {problem}");
    }
}

#[test]
fn an_unknown_operation_is_named() {
    let (_, problem) = problem(&[&CALL.replace(r#""f":"deregister""#, r#""f":"explode""#)]);
    assert!(problem.to_string().contains("explode"), "{problem}");
}

#[test]
fn a_second_answer_names_the_first() {
    let (line, problem) = third(&ANSWER.replace(r#""index":1"#, r#""index":2"#));
    assert_eq!((line, problem), (3, Problem::SecondAnswer { process: 1, op: 7, first: 2 }));
}

#[test]
fn an_answer_without_a_call_is_an_error() {
    let (line, problem) = problem(&[&ANSWER.replace(r#""index":1"#, r#""index":0"#)]);
    assert_eq!((line, problem), (1, Problem::NoCall { process: 1 }));
}

#[test]
fn time_never_goes_back() {
    let (line, problem) = problem(&[CALL, &ANSWER.replace(r#""time":20"#, r#""time":9"#)]);
    assert_eq!((line, problem), (2, Problem::TimeBackwards { from: 10, to: 9 }));
}

#[test]
fn lines_are_numbered_without_gaps() {
    let (line, problem) = problem(&[CALL, &ANSWER.replace(r#""index":1"#, r#""index":2"#)]);
    assert_eq!((line, problem), (2, Problem::IndexGap { expected: 1, found: 2 }));
}

#[test]
fn a_process_calls_once_at_a_time() {
    let second = CALL.replace(r#""index":0"#, r#""index":1"#).replace(r#""op":7"#, r#""op":8"#);
    assert_eq!(problem(&[CALL, &second]), (2, Problem::Busy { process: 1, open: 1 }));
}

#[test]
fn a_process_never_calls_after_info() {
    let info = ANSWER.replace(r#""type":"ok""#, r#""type":"info""#).replace(r#"{"xi":3}"#, r#"{"error":"time-out"}"#);
    let again = CALL
        .replace(r#""index":0"#, r#""index":2"#)
        .replace(r#""time":10"#, r#""time":30"#)
        .replace(r#""op":7"#, r#""op":8"#);
    assert_eq!(problem(&[CALL, &info, &again]), (3, Problem::Retired { process: 1, retired: 2 }));
}

#[test]
fn an_answer_belongs_to_its_call() {
    for (from, to, what) in [
        (r#""op":7"#, r#""op":8"#, "`x.op`"),
        (r#""n1""#, r#""n2""#, "`x.node`"),
        (r#""deregister""#, r#""report""#, "`f`"),
    ] {
        let (_, problem) = problem(&[CALL, &ANSWER.replace(from, to)]);
        assert_eq!(problem, Problem::Mismatch { what, open: 1 });
    }
}

#[test]
fn call_numbers_are_unique() {
    let again = CALL.replace(r#""index":0"#, r#""index":2"#).replace(r#""time":10"#, r#""time":30"#);
    assert_eq!(third(&again), (3, Problem::RepeatedOp { op: 7 }));
}

#[test]
fn escapes_in_errors_are_understood() {
    let fail = ANSWER
        .replace(r#""type":"ok""#, r#""type":"fail""#)
        .replace(r#"{"xi":3}"#, r#"{"error":"a \"quoted\" line\n"}"#);
    let history = parse_history(format!("{CALL}\n{fail}\n").as_bytes()).expect("escapes are JSON");
    assert!(history.names.find("a \"quoted\" line\n").is_some());
}

/// No byte that is flipped, dropped or doubled makes the parser panic; most are noticed.
#[test]
fn random_damage_never_panics() {
    let text = generate(&Plan::small(1)).to_jsonl();
    let mut random = linearizability::generate::Random::new(3);
    let mut noticed = 0;
    for _ in 0..2_000 {
        let mut bent = text.clone();
        let at = random.below(bent.len() as u64) as usize;
        match random.below(3) {
            0 => bent[at] ^= 1 << random.below(8),
            1 => drop(bent.remove(at)),
            _ => bent.truncate(at),
        }
        noticed += u32::from(parse_history(&bent).is_err());
    }
    assert!(noticed > 1_000, "{noticed} of 2000");
}

/// Names at the bounds of what fits into a word, and numbers at the bounds of what fits into an integer.
#[test]
fn names_and_numbers_of_every_length_are_read() {
    for length in 0..=20 {
        let nonce: String = ('a'..).take(length).collect();
        let text = format!(
            r#"{{"index":0,"time":{},"process":1,"type":"invoke","f":"register","value":{{"ns":"d","svc":"s{nonce}","id":"i","nonce":"{nonce}"}},"x":{{"node":"n1","op":7}}}}"#,
            u64::MAX
        );
        let history = parse_history(text.as_bytes()).expect("a right line");
        let Operation::Register { service, nonce: token, .. } = history.calls[0].operation else {
            panic!("a register call")
        };
        assert_eq!(history.name(service), format!("s{nonce}"));
        assert_eq!((history.token(token), token.is_none()), (nonce.clone(), nonce.is_empty()));
        assert_eq!(history.calls[0].invoked.0, u64::MAX);
    }
    for digits in 1..=19 {
        let number: u64 = "1234567890123456789"[..digits].parse().expect("a number");
        let answer = ANSWER.replace(r#""xi":3"#, &format!(r#""xi":{number}"#));
        let history = parse_history(
            format!(
                "{CALL}
{answer}
"
            )
            .as_bytes(),
        )
        .expect("a right file");
        assert_eq!(history.calls[0].claimed_index(), Some(number));
    }
    let beyond = ANSWER.replace(r#""xi":3"#, r#""xi":18446744073709551616"#);
    assert!(matches!(problem(&[CALL, &beyond]), (2, Problem::Damaged { .. })));
}

/// The parallel reader of large files and the parser in memory agree, to the last row.
#[test]
fn a_large_file_reads_like_a_small_one() {
    let path = std::env::temp_dir().join(format!("sds-check-large-{}.jsonl", std::process::id()));
    let mut text = Vec::new();
    generate_to(&Plan { operations: 24_000, ..Plan::small_with_unknown(9) }, &mut text)
        .expect("memory takes every line");
    assert!(text.len() > 5 << 20, "{} bytes are read in one piece", text.len());
    std::fs::write(&path, &text).expect("a temporary file");
    let (one, other) = (parse_history(&text).expect("right"), read_history(&path).expect("right"));
    assert_eq!(one.calls.len(), other.calls.len());
    for (a, b) in one.calls.iter().zip(&other.calls) {
        assert_eq!(
            (a.number, a.line, a.end_line, a.invoked, a.returned),
            (b.number, b.line, b.end_line, b.invoked, b.returned)
        );
        let describe = linearizability::report::describe::call;
        assert_eq!(describe(&one, a), describe(&other, b));
    }
    std::fs::write(&path, &text[..text.len() - 20]).expect("a temporary file");
    assert!(matches!(read_history(&path), Err(HistoryError::Line { problem: Problem::CutOff, .. })));
    std::fs::remove_file(&path).expect("the temporary file");
}

/// Whatever is wrong with a large file, wherever it is, the parallel reader says what the parser in memory says.
#[test]
fn a_large_damaged_file_gets_the_error_of_a_small_one() {
    let path = std::env::temp_dir().join(format!("sds-check-bent-{}.jsonl", std::process::id()));
    let plan = Plan { operations: 24_000, ..Plan::small_with_unknown(10) };
    let lines: Vec<String> =
        String::from_utf8(generate(&plan).to_jsonl()).expect("JSON is UTF-8").lines().map(str::to_owned).collect();
    let (quarter, late) = (lines.len() / 4, lines.len() / 4 * 3);
    let find = |from: usize, kind: &str| {
        (from..lines.len()).find(|&at| lines[at].contains(kind)).expect("every kind of line occurs often")
    };
    let number = |at: usize| {
        let (_, rest) = lines[at].split_once(r#""op":"#).expect("every call has a number");
        rest.split([',', '}']).next().expect("a number ends").to_owned()
    };
    let renumbered =
        |at: usize, op: &str| (at, lines[at].replace(&format!(r#""op":{}"#, number(at)), &format!(r#""op":{op}"#)));
    let cut = |at: usize| (at, lines[at][..lines[at].len() / 2].to_owned());
    let (call, answer) = (find(late, r#""type":"invoke""#), find(late, r#""type":"ok""#));
    let cases = [
        ("damage in the second half", vec![cut(late)], late),
        ("damage in both halves", vec![cut(late), cut(quarter)], quarter),
        ("damage in two lines that follow each other", vec![cut(late), cut(late + 1)], late),
        ("damage in the last line", vec![cut(lines.len() - 1)], lines.len() - 1),
        ("a number of the first half used again", vec![renumbered(call, &number(find(quarter, "invoke")))], call),
        ("an answer to another call", vec![renumbered(answer, "4000000")], answer),
        ("wrong answer first, damage behind it", vec![renumbered(answer, "4000000"), cut(answer + 1)], answer),
        ("a line of the first half again", vec![(late, lines[quarter].clone())], late),
    ];
    for (what, edits, first) in cases {
        let mut bent = lines.clone();
        edits.into_iter().for_each(|(at, line)| bent[at] = line);
        let text = bent.join("\n") + "\n";
        assert!(text.len() > 5 << 20, "{} bytes are read in one piece", text.len());
        std::fs::write(&path, &text).expect("a temporary file");
        let one = parse_history(text.as_bytes()).expect_err(what);
        let other = read_history(&path).expect_err(what);
        assert!(matches!(one, HistoryError::Line { line, .. } if line as usize == first + 1), "{what}: {one}");
        assert_eq!(one.to_string(), other.to_string(), "{what}");
    }
    std::fs::remove_file(&path).expect("the temporary file");
}
