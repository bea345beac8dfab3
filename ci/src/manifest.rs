//! Who depends on whom, read from the manifests: the arrows of the house point one way.

use std::collections::BTreeSet;

use toml::{Table, Value};

/// A crate of the workspace and what it may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Where its manifest is.
    pub dir: &'static str,
    /// Crates of the workspace that it may use.
    pub workspace: &'static [&'static str],
    /// Other crates that it may use; none: any.
    pub others: Option<&'static [&'static str]>,
}

/// The house: `registry <- client <- {sider, agent} <- harness`, `linearizability <- harness`.
pub const HOUSE: [Rule; 7] = [
    // Pure: no runtime, clock, random numbers or I/O can come in.
    Rule { dir: "sider/registry", workspace: &[], others: Some(&["rmp-serde", "serde", "thiserror", "xxhash-rust"]) },
    Rule { dir: "sider/client", workspace: &["sider-registry"], others: None },
    Rule { dir: "sider", workspace: &["sider-client", "sider-registry"], others: None },
    Rule { dir: "agent", workspace: &["sider-client", "sider-registry"], others: None },
    // The judge shares no code with the judged.
    Rule { dir: "linearizability", workspace: &[], others: None },
    Rule {
        dir: "harness",
        workspace: &["linearizability", "sider", "sider-agent", "sider-client", "sider-registry"],
        others: None,
    },
    Rule { dir: "ci", workspace: &[], others: None },
];

/// Crates that no shipped program may hold, whatever brings them in.
pub const NOT_SHIPPED: [&str; 3] = ["turmoil", "stateright", "proptest"];

/// The names in `[dependencies]` and `[build-dependencies]`: tests may use more.
#[must_use]
pub fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let tables = ["dependencies", "build-dependencies"].map(|name| manifest.get(name).and_then(Value::as_table));
    tables.into_iter().flatten().flat_map(|table| table.keys().cloned()).collect()
}

/// What is wrong with a manifest.
#[must_use]
pub fn faults(rule: &Rule, manifest: &Table, workspace: &BTreeSet<String>) -> Vec<String> {
    let (inside, outside): (Vec<_>, Vec<_>) =
        dependencies(manifest).into_iter().partition(|name| workspace.contains(name));
    let wrong_inside = inside.iter().filter(|name| !rule.workspace.contains(&name.as_str()));
    let wrong_outside = outside.iter().filter(|name| rule.others.is_some_and(|may| !may.contains(&name.as_str())));
    wrong_inside.chain(wrong_outside).map(|name| format!("{}: may not depend on {name}", rule.dir)).collect()
}

/// Every package reached from `direct` by the lock file, `direct` included. The lock file lists what a workspace member's
/// tests need among its dependencies, so begin at what the members' manifests say, not at the members.
#[must_use]
pub fn closure(lock: &Table, direct: &BTreeSet<String>) -> BTreeSet<String> {
    let packages: Vec<&Table> =
        lock.get("package").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect();
    let mut reached = direct.clone();
    let mut open: Vec<String> = direct.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let same_name = packages.iter().filter(|package| package.get("name").and_then(Value::as_str) == Some(&name));
        let needs = same_name.filter_map(|package| package.get("dependencies").and_then(Value::as_array)).flatten();
        // `name`, or `name version` where several versions are locked.
        for need in needs.filter_map(Value::as_str).filter_map(|need| need.split(' ').next()) {
            if reached.insert(need.to_owned()) {
                open.push(need.to_owned());
            }
        }
    }
    reached
}
