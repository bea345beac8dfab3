//! Outcomes, events and the whole state as lines.

use std::fmt::Write as _;

use sider_registry::command::ReportResult;
use sider_registry::model::{Check, Instance, Namespace, ServiceKey};
use sider_registry::{Applied, Event, Outcome, Registry};

/// What one command did.
pub fn applied(applied: &Applied) -> String {
    let mut out = format!("-> {}\n", outcome(&applied.outcome));
    for event in &applied.events {
        let text = match event {
            Event::Service { service, index } => format!("service {service} index={index}"),
            Event::Catalog { namespace, index } => format!("catalog {namespace} index={index}"),
            Event::TtlArmed { check, ttl, modify_index } => format!("armed {check} {ttl:?} fence={modify_index}"),
            Event::TtlDisarmed { check } => format!("disarmed {check}"),
        };
        let _ = writeln!(out, "   {text}");
    }
    out
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Registered { index, changed, check_ids } => {
            let ids: Vec<&str> = check_ids.iter().map(|id| id.as_str()).collect();
            let changed = if *changed { "changed" } else { "identical" };
            format!("registered index={index} {changed} checks=[{}]", ids.join(" "))
        }
        Outcome::Deregistered { index, count } => format!("deregistered index={index} count={count}"),
        Outcome::Reported { index, results } => {
            let words: Vec<&str> = results.iter().map(|result| word(*result)).collect();
            format!("reported index={index} [{}]", words.join(" "))
        }
        Outcome::Expired { index, count } => format!("expired index={index} count={count}"),
        Outcome::Rejected(rejection) => format!("rejected: {rejection}"),
    }
}

fn word(result: ReportResult) -> &'static str {
    match result {
        ReportResult::Changed => "changed",
        ReportResult::Unchanged => "unchanged",
        ReportResult::UnknownCheck => "unknown-check",
    }
}

/// Everything that readers see.
pub fn state(registry: &Registry) -> String {
    let counts = registry.counts();
    let mut out = format!("index={} tombstones={} keys={}\n", registry.index(), counts.tombstones, counts.keys);
    for namespace in registry.namespaces() {
        catalog(registry, namespace, &mut out);
    }
    out
}

fn catalog(registry: &Registry, namespace: &Namespace, out: &mut String) {
    let _ = writeln!(out, "{namespace} catalog={}", registry.catalog_index(namespace));
    for (name, tags) in registry.services(namespace) {
        let key = ServiceKey { namespace: namespace.clone(), service: name.clone() };
        let tags: Vec<&str> = tags.into_iter().collect();
        let _ = writeln!(out, "  {name} index={} tags=[{}]", registry.service_index(&key), tags.join(" "));
        for (instance, checks) in registry.instances(&key) {
            let _ = writeln!(out, "    {}", describe_instance(registry, instance));
            for check in checks {
                let _ = writeln!(out, "      {}", describe_check(check));
            }
        }
    }
}

fn describe_instance(registry: &Registry, instance: &Instance) -> String {
    let spec = &instance.spec;
    let mut text = format!("{} {} node={}", spec.key.id, registry.health(instance), spec.node);
    if !spec.address.is_empty() || spec.port != 0 {
        let _ = write!(text, " {}:{}", spec.address, spec.port);
    }
    if !spec.tags.is_empty() {
        let _ = write!(text, " tags=[{}]", spec.tags.join(" "));
    }
    if !spec.meta.is_empty() {
        let _ = write!(text, " meta={:?}", spec.meta);
    }
    if (spec.weights.passing, spec.weights.warning) != (1, 1) {
        let _ = write!(text, " weights={}/{}", spec.weights.passing, spec.weights.warning);
    }
    if instance.qualified {
        text.push_str(" qualified");
    }
    let _ = write!(text, " create={} modify={}", instance.create_index, instance.modify_index);
    text
}

fn describe_check(check: &Check) -> String {
    let output = match check.output.len() {
        0..=40 => format!("{:?}", check.output),
        len => format!("({len} bytes)"),
    };
    format!(
        "{} {} {:?} {} output={output} at={} create={} modify={}",
        check.id,
        check.kind.type_name(),
        check.name,
        check.status,
        check.changed_at.0,
        check.create_index,
        check.modify_index
    )
}
