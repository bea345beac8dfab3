//! Registration and deregistration of an instance, in either dialect.

use std::collections::BTreeMap;

use serde_json::Value;
use sider_registry::model::{
    CheckSpec, InstanceId, InstanceKey, InstanceSpec, Invalid, Name, Namespace, ServiceName, Weights,
};
use sider_registry::{Command, limits};

use super::check;
use super::json::{Field, Fields, Keys};

const KEYS: Keys = Keys {
    read: &[
        "address",
        "check",
        "checks",
        "id",
        "meta",
        "name",
        "namespace",
        "node",
        "ns",
        "port",
        "service",
        "tags",
        "weights",
    ],
    // Without access control a token changes nothing; a locality only sorts; there is one partition.
    dropped: &["locality", "partition", "token"],
    refused: &[
        ("connect", "there is no service mesh"),
        ("enabletagoverride", "tags change by registration only"),
        ("kind", "there is no service mesh; every service is a plain one"),
        ("ports", "an instance has one port; register one instance for each"),
        ("proxy", "there is no service mesh"),
        ("socketpath", "an instance is reached by address and port"),
        ("taggedaddresses", "an instance has one address"),
    ],
};

const DEREGISTER_KEYS: Keys =
    Keys { read: &["id", "name", "namespace", "ns", "service", "serviceid"], dropped: &["token"], refused: &[] };

const WEIGHT_KEYS: Keys = Keys { read: &["passing", "warning"], dropped: &[], refused: &[] };

/// Decodes a registration. `node` is who registers when the body does not say.
pub(in crate::http) fn register(body: &[u8], outside: Option<Namespace>, node: &Name) -> Result<Command, Invalid> {
    let mut fields = Fields::parse(body, &KEYS)?;
    let namespace = super::namespace(body_namespace(&mut fields)?, outside)?;
    let Some(service) = fields.text(&["name", "service"])? else {
        return Err(Invalid::new("name", "Missing service name; give the service a name"));
    };
    let service = ServiceName(service.parse(Name::new)?);
    let id = match fields.text(&["id"])? {
        Some(text) => InstanceId(text.parse(Name::new)?),
        None => InstanceId(service.0.clone()),
    };
    let checks = checks(&mut fields, id.0.as_str())?;
    let instance = InstanceSpec {
        key: InstanceKey { namespace, service, id },
        node: match fields.text(&["node"])? {
            Some(text) => text.parse(Name::new)?,
            None => node.clone(),
        },
        address: fields.text(&["address"])?.map(|text| text.text).unwrap_or_default(),
        port: number(&mut fields, "port")?.unwrap_or(0),
        tags: tags(fields.list(&["tags"])?)?,
        meta: meta(fields.take(&["meta"])?)?,
        weights: weights(fields.take(&["weights"])?)?,
    };
    Ok(Command::Register { instance: instance.validated()?, checks })
}

/// Decodes a deregistration by namespace, service and id.
pub(in crate::http) fn deregister(body: &[u8], outside: Option<Namespace>) -> Result<Command, Invalid> {
    let mut fields = Fields::parse(body, &DEREGISTER_KEYS)?;
    let namespace = super::namespace(body_namespace(&mut fields)?, outside)?;
    let service = fields.text(&["service", "name"])?;
    let id = fields.text(&["id", "serviceid"])?;
    let (service, id) = match (service, id) {
        (Some(service), Some(id)) => (ServiceName(service.parse(Name::new)?), InstanceId(id.parse(Name::new)?)),
        (Some(service), None) => {
            let service = service.parse(Name::new)?;
            (ServiceName(service.clone()), InstanceId(service))
        }
        (None, _) => {
            let problem = "is missing; name the service and the id, or use the path /v1/agent/service/deregister/<id>";
            return Err(Invalid::new("service", problem));
        }
    };
    Ok(Command::Deregister { key: InstanceKey { namespace, service, id } })
}

/// The namespace that a body names.
pub(super) fn body_namespace(fields: &mut Fields) -> Result<Option<Namespace>, Invalid> {
    match fields.text(&["namespace", "ns"])? {
        Some(text) => Ok(Some(Namespace(text.parse(Name::new)?))),
        None => Ok(None),
    }
}

/// `Check` and `Checks` may both be there, as in Consul; the single one comes first.
fn checks(fields: &mut Fields, instance: &str) -> Result<Vec<CheckSpec>, Invalid> {
    let single = fields.take(&["check"])?.filter(|field| !matches!(&field.value, Value::Object(map) if map.is_empty()));
    let list = fields.list(&["checks"])?;
    let count = list.len() + usize::from(single.is_some());
    if count > limits::CHECKS_PER_INSTANCE_MAX {
        let problem = format!("has {count} checks; {} is the bound", limits::CHECKS_PER_INSTANCE_MAX);
        return Err(Invalid::new("checks", problem));
    }
    single.into_iter().chain(list).map(|field| check::decode(field, instance)).collect()
}

fn number(fields: &mut Fields, name: &str) -> Result<Option<u16>, Invalid> {
    Ok(fields.number(&[name], u64::from(u16::MAX))?.and_then(|number| u16::try_from(number).ok()))
}

fn tags(list: Vec<Field>) -> Result<Vec<String>, Invalid> {
    list.into_iter().map(|field| Ok(field.text()?.text)).collect()
}

fn meta(field: Option<Field>) -> Result<BTreeMap<String, String>, Invalid> {
    let Some(Field { path, value }) = field else { return Ok(BTreeMap::new()) };
    let Value::Object(map) = value else {
        return Err(Invalid::new(path, "is not an object; texts by key are expected, like {\"version\": \"2\"}"));
    };
    map.into_iter()
        .map(|(key, value)| {
            let at = format!("{path}[{:?}]", key.chars().take(64).collect::<String>());
            Ok((key, Field { path: at, value }.text()?.text))
        })
        .collect()
}

/// Consul's rule: a missing weight is 1.
fn weights(field: Option<Field>) -> Result<Weights, Invalid> {
    let Some(field) = field else { return Ok(Weights::default()) };
    let mut fields = Fields::open(field, &WEIGHT_KEYS)?;
    let passing = number(&mut fields, "passing")?.unwrap_or(Weights::default().passing);
    let warning = number(&mut fields, "warning")?.unwrap_or(Weights::default().warning);
    Ok(Weights { passing, warning })
}
