//! One service of the file.

use std::net::Ipv6Addr;

use sider_client::wire::RegisterRequest;
use sider_registry::limits;
use sider_registry::model::{
    CheckSpec, InstanceId, InstanceKey, InstanceSpec, Invalid, Name, Namespace, ServiceName, Weights,
};

use super::file::{RawService, RawWeights};
use super::{CheckConfig, Place, Problem, ServiceConfig, check, name_at};

/// What the file says about all services.
pub(super) struct Context {
    pub(super) namespace: Name,
    pub(super) node: Option<Name>,
    pub(super) cmd_enabled: bool,
}

pub(super) fn parse(raw: RawService, context: &Context, place: &Place) -> Result<ServiceConfig, Problem> {
    let service = name_at(&place.key("name"), &raw.name)?;
    let id = match &raw.id {
        Some(id) => name_at(&place.key("id"), id)?,
        None => service.clone(),
    };
    let namespace = match &raw.namespace {
        Some(text) => name_at(&place.key("namespace"), text)?,
        None => context.namespace.clone(),
    };
    let port = u16::try_from(raw.port)
        .map_err(|_| Problem::new(&place.key("port"), format!("{} is no port; one is 0 to 65535", raw.port)))?;
    refuse_bad_texts(&raw, place)?;
    let instance = InstanceSpec {
        key: InstanceKey { namespace: Namespace(namespace), service: ServiceName(service), id: InstanceId(id) },
        node: context.node.clone().unwrap_or_else(unnamed),
        address: raw.address,
        port,
        tags: without_repetition(raw.tags),
        meta: raw.meta,
        weights: weights(raw.weights, &place.key("weights"))?,
    };
    let instance = instance.validated().map_err(|why| refused_by_the_registry(why, place))?;
    let checks_place = place.key("checks");
    if raw.checks.len() > limits::CHECKS_PER_INSTANCE_MAX {
        let text = format!("{} checks; at most {} fit", raw.checks.len(), limits::CHECKS_PER_INSTANCE_MAX);
        return Err(Problem::new(&checks_place, text));
    }
    let mut checks = Vec::with_capacity(raw.checks.len());
    for (n, raw) in raw.checks.into_iter().enumerate() {
        checks.push(check::parse(raw, &instance, context.cmd_enabled, &checks_place.item(n))?);
    }
    refuse_what_fits_no_request(&instance, &checks, place)?;
    Ok(ServiceConfig { instance, checks })
}

/// Each text within its bound, and all together beyond that of a request: a server would refuse it every time.
fn refuse_what_fits_no_request(instance: &InstanceSpec, checks: &[CheckConfig], place: &Place) -> Result<(), Problem> {
    let specs: Vec<CheckSpec> = checks.iter().map(|check| check.spec.clone()).collect();
    let request = serde_json::to_vec(&RegisterRequest::new(instance, &specs)).unwrap_or_default();
    // The node name may still be another one.
    let len = request.len() + limits::NAME_LEN_MAX;
    if len <= limits::HTTP_BODY_LEN_MAX {
        return Ok(());
    }
    let bound = limits::HTTP_BODY_LEN_MAX;
    Err(Problem::new(place, format!("has {len} bytes with all its checks; a registration has at most {bound}")))
}

/// The registry's own rules are the last word: what `-check` calls right is not refused by a server later.
fn refused_by_the_registry(why: Invalid, place: &Place) -> Problem {
    let key = ["address", "tags", "meta", "weights"].into_iter().find(|key| why.field.to_lowercase().contains(key));
    let place = key.map_or_else(|| place.clone(), |key| place.key(key));
    Problem::new(&place, why.to_string())
}

/// Stands for the node name until [`super::AgentConfig::on_node`] sets it.
fn unnamed() -> Name {
    Name::new("unnamed").expect("is a name")
}

/// A tag twice says nothing more than once.
fn without_repetition(tags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}

fn refuse_bad_texts(raw: &RawService, place: &Place) -> Result<(), Problem> {
    let host_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let with_port = raw.address.contains(':') && raw.address.parse::<Ipv6Addr>().is_err();
    if raw.address.len() > limits::ADDRESS_LEN_MAX || !raw.address.chars().all(host_like) || with_port {
        let text = format!("{:?} is no address; write an IP address or a host name, without port", raw.address);
        return Err(Problem::new(&place.key("address"), text));
    }
    if raw.tags.len() > limits::TAGS_MAX {
        let text = format!("{} tags; at most {} fit", raw.tags.len(), limits::TAGS_MAX);
        return Err(Problem::new(&place.key("tags"), text));
    }
    for (n, tag) in raw.tags.iter().enumerate() {
        if tag.is_empty() || tag.len() > limits::TAG_LEN_MAX {
            let text = format!("has {} bytes; a tag has 1 to {}", tag.len(), limits::TAG_LEN_MAX);
            return Err(Problem::new(&place.key("tags").item(n), text));
        }
    }
    let place = place.key("meta");
    if raw.meta.len() > limits::META_PAIRS_MAX {
        let text = format!("{} pairs; at most {} fit", raw.meta.len(), limits::META_PAIRS_MAX);
        return Err(Problem::new(&place, text));
    }
    for (key, value) in &raw.meta {
        if key.is_empty() || key.len() > limits::META_KEY_LEN_MAX || value.len() > limits::META_VALUE_LEN_MAX {
            let (keys, values) = (limits::META_KEY_LEN_MAX, limits::META_VALUE_LEN_MAX);
            let text = format!("pair {key:?} is too long; a key has 1 to {keys} bytes, a value at most {values}");
            return Err(Problem::new(&place, text));
        }
    }
    Ok(())
}

fn weights(raw: Option<RawWeights>, place: &Place) -> Result<Weights, Problem> {
    let default = Weights::default();
    let Some(raw) = raw else { return Ok(default) };
    let weight = |key: &'static str, value: Option<u64>, default: u16| match value {
        None => Ok(default),
        Some(value) => u16::try_from(value).map_err(|_| {
            Problem::new(&place.key(key), format!("{value} is no weight; one is 0 to {}", limits::WEIGHT_MAX))
        }),
    };
    Ok(Weights {
        passing: weight("passing", raw.passing, default.passing)?,
        warning: weight("warning", raw.warning, default.warning)?,
    })
}
