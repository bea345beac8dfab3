//! What is not quite the format is damage, with its line: a judge that guesses what a line meant gives a verdict on another
//! history.

use std::process::Command;

use linearizability::history::{HistoryError, Problem, parse_history, read_history};

const CALL: &str = r#"{"index":0,"time":10,"process":1,"type":"invoke","f":"register","value":{"ns":"d","svc":"s","id":"i","nonce":"1-1","checks":[{"id":"c","ttl_ms":500}]},"x":{"node":"n1","op":7}}"#;
const ANSWER: &str = r#"{"index":1,"time":20,"process":1,"type":"ok","f":"register","value":{"xi":3,"checks":["c"]},"x":{"node":"n1","op":7}}"#;
const LIST: &str =
    r#"{"index":2,"time":30,"process":1,"type":"invoke","f":"list","value":{"ns":"d"},"x":{"node":"n1","op":8}}"#;
const LISTED: &str = r#"{"index":3,"time":40,"process":1,"type":"ok","f":"list","value":{"xi":3,"applied":3,"services":{"a":[],"b":[],"s":[]}},"x":{"node":"n1","op":8}}"#;

fn text() -> String {
    format!("{CALL}\n{ANSWER}\n{LIST}\n{LISTED}\n")
}

/// The line that is damaged, and what was expected there, once `from` became `to`.
fn damage(from: &str, to: &[u8]) -> (u32, String) {
    let text = text();
    let (before, after) = text.split_once(from).expect("what is bent is there");
    let bent = [before.as_bytes(), to, after.as_bytes()].concat();
    match parse_history(&bent) {
        Err(HistoryError::Line { line, problem: Problem::Damaged { expected, .. } }) => (line, expected.into_owned()),
        other => panic!("{from} became {to:?} and gave {other:?}"),
    }
}

#[test]
fn the_whole_text_is_right() {
    assert_eq!(parse_history(text().as_bytes()).expect("a right text").calls.len(), 2);
}

#[test]
fn only_the_white_space_of_json_is_white_space() {
    for byte in [0, 1, 0x0b, 0x0c, 0x1b, 0x1f] {
        // A torn write leaves zeros: here 3 would be read where 31 was written.
        assert_eq!(
            damage(r#"{"xi":3,"checks":["c"]"#, &[b"{\"xi\":3", &[byte][..], b",\"checks\":[\"c\"]"].concat()).0,
            2
        );
        assert_eq!(
            damage(r#""op":7}}"#, &[b"\"op\":7}}", &[byte][..]].concat()),
            (1, "the end of the line".to_owned())
        );
    }
    let spaced = text().replace(r#","value":"#, " ,\t\"value\": ").replace('\n', " \r\n");
    assert_eq!(parse_history(spaced.as_bytes()).expect("JSON's own white space").calls.len(), 2);
}

#[test]
fn a_key_that_stands_twice_is_damage_in_every_object() {
    for (from, to, line) in [
        (r#""process":1,"#, r#""process":1,"process":2,"#, 1),
        (r#""x":{"node":"n1","op":7}}"#, r#""x":{"node":"n1","op":7},"time":11}"#, 1),
        (r#""ns":"d","#, r#""ns":"d","ns":"e","#, 1),
        (r#""id":"c","ttl_ms":500"#, r#""id":"c","ttl_ms":500,"id":"e""#, 1),
        (r#""node":"n1","#, r#""node":"n1","node":"n2","#, 1),
        (r#""xi":3,"#, r#""xi":9,"checks":["c"],"xi":3,"#, 2),
    ] {
        assert_eq!(damage(from, to.as_bytes()), (line, "each key once in an object".to_owned()));
    }
    for services in [r#"{"a":[],"a":[],"s":[]}"#, r#"{"s":[],"a":[],"b":[],"s":[]}"#] {
        let (line, expected) = damage(r#"{"a":[],"b":[],"s":[]}"#, services.as_bytes());
        assert_eq!((line, expected.as_str()), (4, "each service once in `services`"));
    }
    let unordered = text().replace(r#"{"a":[],"b":[],"s":[]}"#, r#"{"s":[],"b":[],"a":[]}"#);
    assert!(parse_history(unordered.as_bytes()).is_ok(), "the order of names is free");
}

#[test]
fn bytes_that_are_no_utf8_are_damage_in_short_and_long_names() {
    for name in [&b"\"\xff\""[..], b"\"n\xc3\"", b"\"a long name that is cut \xe6\x97\"", b"\"\\u0041\xff\""] {
        let (line, expected) = damage(r#""n1""#, name);
        assert!(line == 1 && (expected.contains("UTF-8") || expected.contains("escape")), "{name:?}: {expected}");
    }
    let history = parse_history(text().replace("n1", "日本").as_bytes()).expect("other languages are UTF-8 too");
    assert_eq!(history.name(history.calls[0].node), "日本");
}

#[test]
fn a_number_has_no_leading_zeros() {
    for number in ["03", "00", "000000000000000000003"] {
        let bent = format!(r#""xi":{number},"#);
        assert_eq!(damage(r#""xi":3,"#, bent.as_bytes()), (2, "a number without leading zeros".to_owned()));
    }
    assert!(parse_history(text().replace(r#""xi":3"#, r#""xi":0"#).as_bytes()).is_ok(), "zero is a number");
}

#[test]
fn checks_are_objects_where_they_are_registered_and_ids_elsewhere() {
    assert_eq!(damage(r#"[{"id":"c","ttl_ms":500}]"#, br#"["c"]"#).0, 1);
    assert_eq!(damage(r#"{"xi":3,"checks":["c"]}"#, br#"{"xi":3,"checks":[{"id":"c"}]}"#).0, 2);
    let renew = br#""f":"renew_many","value":{"ns":"d","checks":[{"id":"c"}]}"#;
    assert_eq!(damage(r#""f":"list","value":{"ns":"d"}"#, renew).0, 3);
}

#[test]
fn a_failure_belongs_to_its_call_as_an_answer_does() {
    for kind in ["fail", "info"] {
        let end = ANSWER.replace(r#""type":"ok","f":"register""#, &format!(r#""type":"{kind}","f":"deregister""#));
        let error = parse_history(format!("{CALL}\n{end}\n").as_bytes()).expect_err("another operation");
        assert!(error.to_string().contains("line 2: the answer's `f` differs"), "{error}");
    }
}

/// A pipe that nobody writes to, and a device that never ends.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let pipe = std::env::temp_dir().join(format!("sds-check-pipe-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    for path in [pipe.as_path(), "/dev/zero".as_ref(), std::env::temp_dir().as_path()] {
        let error = read_history(path).expect_err("no file").to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains("not a file but"), "{error}");
    }
    std::fs::remove_file(pipe).expect("the pipe");
}
