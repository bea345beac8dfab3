//! The rules, on the whole workspace; and each rule on something that breaks it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tidy::manifest::{self, HOUSE, NOT_SHIPPED, Rule};
use tidy::{files, root, source};
use toml::{Table, Value};

fn manifest_of(dir: &str) -> Table {
    let path = root().join(dir).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn package_name(manifest: &Table) -> String {
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    name.expect("a manifest of a package").to_owned()
}

fn workspace() -> BTreeSet<String> {
    HOUSE.iter().map(|rule| package_name(&manifest_of(rule.dir))).collect()
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn sources_are_short_and_finished() {
    let sources = files(&root(), "rs").expect("the workspace can be read");
    assert!(sources.len() > 50, "only {} sources were found: the rule looks in the wrong place", sources.len());
    let mut faults = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).expect("a source can be read");
        let shown = path.strip_prefix(root()).unwrap_or(Path::new("?")).display().to_string();
        let lines = text.lines().count();
        if lines > source::FILE_LINES_LARGE {
            println!("{shown}: {lines} lines; above {} it is worth a look", source::FILE_LINES_LARGE);
        }
        faults.extend(source::faults(&shown, &text));
        faults.extend(source::untold_timers(&shown, &text));
    }
    none(&faults);
}

#[test]
fn crates_depend_in_one_direction() {
    let members: BTreeSet<String> = manifest_of(".")
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(Value::as_array)
        .expect("a workspace")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let ruled: BTreeSet<String> = HOUSE.iter().map(|rule| rule.dir.to_owned()).collect();
    assert_eq!(members, ruled, "every member has a rule");
    let workspace = workspace();
    let faults: Vec<String> =
        HOUSE.iter().flat_map(|rule| manifest::faults(rule, &manifest_of(rule.dir), &workspace)).collect();
    none(&faults);
}

#[test]
fn shipped_programs_hold_no_simulation() {
    let lock: Table = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file").parse().expect("TOML");
    let workspace = workspace();
    for dir in ["sider/registry", "sider/client", "sider", "agent"] {
        let direct = manifest::dependencies(&manifest_of(dir)).into_iter().filter(|name| !workspace.contains(name));
        let reached = manifest::closure(&lock, &direct.collect());
        let faults: Vec<String> = NOT_SHIPPED
            .iter()
            .filter(|name| reached.contains(**name))
            .map(|name| format!("{dir} holds {name}"))
            .collect();
        none(&faults);
        assert!(reached.contains("serde"), "the lock file was not read");
    }
}

#[test]
fn the_rules_find_what_they_are_for() {
    let long = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(source::FUNCTION_LINES_MAX));
    assert_eq!(source::faults("a.rs", &long).len(), 1, "a long function");
    let inside = format!(
        "impl A {{\n    pub async fn b(\n        c: u8,\n    ) {{\n{}    }}\n}}\n",
        "        step();\n".repeat(57)
    );
    assert_eq!(source::functions(&inside), [("b".to_owned(), 2, 61)], "the signature counts");
    assert_eq!(source::faults("a.rs", &"\n".repeat(source::FILE_LINES_MAX + 1)).len(), 1, "a long file");
    assert_eq!(source::faults("a.rs", &["// TO", "DO: later\n"].concat()).len(), 1, "unfinished work");
    let timers = |path: &str| {
        source::untold_timers(path, "use tokio::time::{Instant, sleep};\n#[cfg(test)]\ntokio::time::timeout(\n")
    };
    assert_eq!(timers("sider/src/node/read.rs").len(), 1, "a timer that no simulation knows of");
    for way in ["use tokio::time;", "    time::sleep(pause).await", "use tokio::{select, time::sleep};"] {
        assert_eq!(source::untold_timers("sider/src/a.rs", way).len(), 1, "{way}");
    }
    let comment = "/// As [`tokio::time::sleep`].";
    assert_eq!(source::untold_timers("sider/src/a.rs", comment).len(), 0, "a comment sets no timer");
    assert_eq!(timers("agent/src/run.rs").len(), 0, "an agent's machine does not tell of its timers");

    let pure = Rule { dir: "x", workspace: &[], others: Some(&["serde"]) };
    let table = |text: &str| text.parse::<Table>().expect("TOML");
    let workspace = BTreeSet::from(["sider".to_owned()]);
    let wrong = table("[dependencies]\nserde = \"1\"\nsider.workspace = true\ntokio = \"1\"\n");
    assert_eq!(manifest::faults(&pure, &wrong, &workspace).len(), 2, "the workspace's crate and the foreign one");
    let lock = table(
        "[[package]]\nname = \"a\"\ndependencies = [\"b 1.0\"]\n[[package]]\nname = \"b\"\ndependencies = [\"turmoil\"]\n",
    );
    assert!(manifest::closure(&lock, &BTreeSet::from(["a".to_owned()])).contains("turmoil"), "through another crate");
}
