//! Runs a script over the public interface of the registry.

mod line;
mod print;

use sider_registry::registry::Bounds;
use sider_registry::{Registry, snapshot};

use line::Line;

/// The script with the output that its commands really print.
pub fn replay(script: &str) -> Result<String, String> {
    let mut registry = Registry::new();
    let mut bounds = Bounds::default();
    let mut blocks = Vec::new();
    for block in script.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let commands: Vec<&str> = block.lines().take_while(|line| *line != "----").collect();
        let mut printed = commands.join("\n") + "\n";
        if commands.iter().any(|line| !line.starts_with('#')) {
            printed += "----\n";
            for line in commands.iter().filter(|line| !line.starts_with('#')) {
                printed += &run(line, &mut registry, &mut bounds).map_err(|error| format!("{line:?}: {error}"))?;
                verify(&registry, bounds);
            }
            printed += &print::state(&registry);
        }
        blocks.push(printed);
    }
    Ok(blocks.join("\n"))
}

fn run(line: &str, registry: &mut Registry, bounds: &mut Bounds) -> Result<String, String> {
    match line::parse(line)? {
        Line::Request(request) => Ok(print::applied(&registry.apply(&request))),
        Line::Bounds(parsed) => {
            *bounds = parsed;
            *registry = registry.clone().bounded(parsed);
            Ok(String::new())
        }
        Line::Restore => {
            let bytes = snapshot::encode(registry);
            *registry = snapshot::decode(&bytes).map_err(|error| error.to_string())?.bounded(*bounds);
            Ok("-> restored\n".to_owned())
        }
        Line::ServiceIndex(key) => Ok(format!("-> {key} index={}\n", registry.service_index(&key))),
        Line::CatalogIndex(namespace) => Ok(format!("-> {namespace} catalog={}\n", registry.catalog_index(&namespace))),
    }
}

/// What holds after every line of every script.
fn verify(registry: &Registry, bounds: Bounds) {
    assert_eq!(registry.recompute_hash(), registry.state_hash(), "the incremental hash is the hash");
    let restored = snapshot::decode(&snapshot::encode(registry)).expect("a snapshot that was just written");
    assert_eq!(restored.bounded(bounds), *registry, "restored is equal");
}
