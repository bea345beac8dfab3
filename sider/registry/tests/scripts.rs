//! The rules of the registry as scripts: `scripts/*.txt`, one rule a file, named by a sentence.
//!
//! A block is command lines, `----`, then everything that they print: outcomes, events and the whole state afterwards.
//! Blocks are separated by a blank line. `UPDATE=1 cargo test -p sider-registry --test scripts` rewrites what the files
//! expect; read the difference before it is committed.

mod script;

use std::fs;
use std::path::{Path, PathBuf};

fn scripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = fs::read_dir(directory).expect("tests/scripts is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_script_prints_what_it_expects() {
    let scripts = scripts();
    assert!(scripts.len() >= 20, "found only {} scripts", scripts.len());
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in scripts {
        let written = fs::read_to_string(&path).expect("a script is text");
        let actual = script::replay(&written).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if actual != written && update {
            fs::write(&path, &actual).expect("a script can be rewritten");
        } else if actual != written {
            wrong.push(format!("{}:\n{}", path.display(), first_difference(&written, &actual)));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 rewrites the expectations", wrong.join("\n"));
}

fn first_difference(expected: &str, actual: &str) -> String {
    let (mut expected, mut actual) = (expected.lines(), actual.lines());
    for line in 1.. {
        match (expected.next(), actual.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => return format!("  line {line}\n  expected {a:?}\n  printed  {b:?}"),
        }
    }
    "  they differ only in line ends".to_owned()
}

#[test]
fn a_script_with_another_expectation_is_told_apart() {
    let right = script::replay("register web/a\n----\n").expect("a valid script");
    assert!(right.contains("registered index=2"), "{right}");
    let wrong = right.replace("index=2", "index=3");
    assert_eq!(script::replay(&wrong).expect("a valid script"), right);
    assert!(first_difference(&wrong, &right).contains("line 3"));
}
