//! Reports and renewals of checks.

use sider_registry::command::CheckReport;
use sider_registry::limits;
use sider_registry::model::{CheckId, CheckKey, Invalid, Namespace, Status, cut_output};

use super::json::{Field, Fields, Keys};
use super::register::body_namespace;

const UPDATE_KEYS: Keys = Keys { read: &["output", "status"], dropped: &[], refused: &[] };
const RENEW_KEYS: Keys = Keys { read: &["checks", "namespace", "ns"], dropped: &[], refused: &[] };
const ENTRY_KEYS: Keys = Keys { read: &["checkid", "id", "output", "status"], dropped: &[], refused: &[] };

/// The check that a path names.
pub(in crate::http) fn check_key(id: String, namespace: Namespace) -> Result<CheckKey, Invalid> {
    Ok(CheckKey { namespace, id: CheckId::parse(id)? })
}

/// Decodes `{"Status": .., "Output": ..}`, Consul's update of a ttl check. It knows three statuses.
pub(in crate::http) fn update(body: &[u8]) -> Result<(Status, String), Invalid> {
    let mut fields = Fields::parse(body, &UPDATE_KEYS)?;
    let right = "a status is passing, warning or critical";
    let Some(text) = fields.text(&["status"])? else {
        return Err(Invalid::new("Status", format!("is missing; {right}")));
    };
    let status = text.parse(|text| match text.parse::<Status>() {
        Ok(status @ (Status::Passing | Status::Warning | Status::Critical)) => Ok(status),
        Ok(Status::Unknown) | Err(_) => Err(Invalid::new("Status", format!("Invalid check status: {text:?}; {right}"))),
    })?;
    let output = fields.text(&["output"])?.map(|text| text.text).unwrap_or_default();
    Ok((status, cut(output)))
}

/// Decodes a batch: `{"namespace"?, "checks": [{"id", "status"?, "output"?}]}`. Without a status it is a renewal.
pub(in crate::http) fn renew(body: &[u8], outside: Option<Namespace>) -> Result<Vec<CheckReport>, Invalid> {
    let mut fields = Fields::parse(body, &RENEW_KEYS)?;
    let namespace = super::namespace(body_namespace(&mut fields)?, outside)?;
    let list = fields.list(&["checks"])?;
    if list.is_empty() || list.len() > limits::CHECKS_PER_BATCH_MAX {
        let right = limits::CHECKS_PER_BATCH_MAX;
        return Err(Invalid::new("checks", format!("has {} entries; 1 to {right} are expected", list.len())));
    }
    list.into_iter().map(|field| entry(field, &namespace)).collect()
}

fn entry(field: Field, namespace: &Namespace) -> Result<CheckReport, Invalid> {
    let mut fields = Fields::open(field, &ENTRY_KEYS)?;
    let Some(id) = fields.text(&["id", "checkid"])? else {
        return Err(Invalid::new(fields.path("id"), "is missing; name the check"));
    };
    let check = CheckKey { namespace: namespace.clone(), id: id.parse(CheckId::parse)? };
    let status = match fields.text(&["status"])? {
        Some(text) => text.parse(|text| text.parse::<Status>())?,
        None => Status::Passing,
    };
    let output = fields.text(&["output"])?.map(|text| text.text).unwrap_or_default();
    Ok(CheckReport { check, status, output: cut(output) })
}

/// As much of an output as is kept: a long one is no reason to lose a status.
pub(in crate::http) fn cut(output: String) -> String {
    cut_output(&output).to_owned()
}
