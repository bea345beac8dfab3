//! `harness list`: scenarios, what they do, and what they must cover.

use comfy_table::{ContentArrangement, Table, presets};
use linearizability::verdict::{Property, Verdict};
use serde_json::json;

use super::CommandError;
use super::args::{Args, ListArgs};
use super::say::say;
use crate::scenario::{Found, list};

pub(super) fn command(args: &Args, command: &ListArgs) -> Result<Verdict, CommandError> {
    let scenarios = list(&args.scenarios)?;
    if args.json {
        let lines: String = scenarios.iter().map(|found| format!("{}\n", to_json(found))).collect();
        return say(&lines).map(|()| Verdict::Pass);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let mut head = vec!["scenario", "expects", "about"];
    head.extend(command.long.then_some("covers at least"));
    table.set_header(head);
    for found in &scenarios {
        let mut row = vec![found.id.clone(), expects(found), found.scenario.about.clone()];
        row.extend(command.long.then(|| covers(found)));
        table.add_row(row);
    }
    say(&format!("{table}\n")).map(|()| Verdict::Pass)
}

fn expects(found: &Found) -> String {
    let violated: Vec<&str> = found.scenario.expect.violated.iter().map(|property| property.id()).collect();
    if violated.is_empty() { "pass".into() } else { format!("violates {}", violated.join(" or ")) }
}

fn covers(found: &Found) -> String {
    let expect = &found.scenario.expect;
    let counts = expect.min.iter().map(|(name, count)| format!("{name} {count}"));
    let properties = expect.exercised.iter().map(|property| property.id().to_owned());
    counts.chain(properties).collect::<Vec<_>>().join(", ")
}

fn to_json(found: &Found) -> serde_json::Value {
    let expect = &found.scenario.expect;
    let ids = |properties: &[Property]| properties.iter().map(|property| property.id()).collect::<Vec<_>>();
    json!({
        "scenario": found.id,
        "path": found.path,
        "about": found.scenario.about,
        "violated": ids(&expect.violated),
        "exercised": ids(&expect.exercised),
        "min": expect.min,
        "servers": found.scenario.cluster.servers,
    })
}
