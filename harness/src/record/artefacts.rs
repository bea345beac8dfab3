//! The directory of a run: what the judge, a replay and a person need.
//!
//! `scenario.toml`, `seed`, `history.jsonl`, `nemesis.jsonl`, `nodes/<node>/*.jsonl`, `trace.hash`, `summary.json`, `build.json`;
//! `past-<n>/` with a history and nodes for each cluster that was lost before.

use std::fs;
use std::io;
use std::path::Path;

use linearizability::history::{NodeRecord, Role};
use serde_json::{Value, json};

use super::Record;

/// Writes the record into `dir`, which is made.
///
/// # Errors
/// As the file system says.
pub fn write(dir: &Path, record: &Record, scenario: &str, seed: u64, summary: &Value) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let inner = record.lock();
    fs::write(dir.join("scenario.toml"), scenario)?;
    fs::write(dir.join("seed"), format!("{seed}\n"))?;
    fs::write(dir.join("history.jsonl"), &inner.history.lines)?;
    fs::write(dir.join("nemesis.jsonl"), &inner.history.nemesis)?;
    let checkpoints = inner.trace.checkpoints().iter();
    let lines = checkpoints.map(|at| format!("{} {} {:032x}\n", at.lines, at.time, at.hash));
    let last = format!("{} end {}\n", inner.trace.lines(), inner.trace.hash());
    fs::write(dir.join("trace.hash"), lines.chain([last]).collect::<String>())?;
    write_nodes(dir, &inner.facts.records())?;
    for (number, past) in inner.past.iter().enumerate() {
        let dir = dir.join(format!("past-{}", number + 1));
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("history.jsonl"), &past.history)?;
        write_nodes(&dir, &past.nodes)?;
    }
    fs::write(dir.join("build.json"), format!("{:#}\n", build()))?;
    write_summary(dir, summary)
}

/// Takes out of `dir` what an earlier run left there: beside the summary of a later one it would be taken for that one's.
///
/// # Errors
/// As the file system says.
pub fn clear(dir: &Path) -> io::Result<()> {
    for name in ["scenario.toml", "seed", "history.jsonl", "nemesis.jsonl", "trace.hash", "summary.json", "build.json"]
    {
        gone(fs::remove_file(dir.join(name)))?;
    }
    gone(fs::remove_dir_all(dir.join("nodes")))?;
    let mut number = 1;
    while dir.join(format!("past-{number}")).is_dir() {
        fs::remove_dir_all(dir.join(format!("past-{number}")))?;
        number += 1;
    }
    Ok(())
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Writes what a passing run keeps. Not the build: to hash the program takes a tenth of a run's time, and nobody replays it.
///
/// # Errors
/// As the file system says.
pub fn write_summary(dir: &Path, summary: &Value) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("summary.json"), format!("{summary:#}\n"))
}

fn write_nodes(dir: &Path, nodes: &[NodeRecord]) -> io::Result<()> {
    nodes.iter().try_for_each(|node| write_node(&dir.join("nodes").join(&node.node), node))
}

fn write_node(dir: &Path, node: &NodeRecord) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let applied = node.applied.iter().map(|entry| {
        json!({"time": entry.time, "term": entry.term, "log": entry.log, "xi": entry.xi, "hash": entry.hash,
               "kind": entry.kind, "incarnation": entry.incarnation})
    });
    let roles = node.roles.iter().map(|change| {
        json!({"time": change.time, "term": change.term, "role": role(change.role), "incarnation": change.incarnation})
    });
    let watches = node.watches.iter().map(|sample| json!({"time": sample.time, "parked": sample.parked}));
    let proposals = node
        .proposals
        .iter()
        .map(|proposal| json!({"time": proposal.time, "kind": proposal.kind, "role": role(proposal.role)}));
    write_lines(&dir.join("applied.jsonl"), applied)?;
    write_lines(&dir.join("roles.jsonl"), roles)?;
    write_lines(&dir.join("watches.jsonl"), watches)?;
    write_lines(&dir.join("propose.jsonl"), proposals)
}

fn write_lines(path: &Path, lines: impl Iterator<Item = Value>) -> io::Result<()> {
    fs::write(path, lines.map(|line| format!("{line}\n")).collect::<String>())
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Learner => "learner",
        Role::Stopped => "stopped",
    }
}

/// What was run: a trace belongs to one binary only.
#[must_use]
pub fn build() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "binary": binary_hash(),
        "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

/// xxh3-128 of the running program; empty if it cannot be read.
#[must_use]
pub fn binary_hash() -> String {
    let read = std::env::current_exe().and_then(fs::read);
    read.map(|bytes| format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes))).unwrap_or_default()
}
