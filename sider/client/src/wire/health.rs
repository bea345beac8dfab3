//! Answers of the reads, in Consul's shapes: lists are
//! `[]` and never `null`; an empty `Meta` is `null`, as Consul writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sider_registry::model::{Index, Status};

/// `GET /v1/catalog/services`: names with the union of their instances' tags, sorted.
pub type CatalogServices = BTreeMap<String, Vec<String>>;

/// One instance of `GET /v1/health/service/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceEntry {
    /// Who registered it.
    pub node: NodeInfo,
    /// The instance.
    pub service: ServiceInfo,
    /// Its checks, by id.
    #[serde(default)]
    pub checks: Vec<HealthCheck>,
}

impl ServiceEntry {
    /// Health of the instance: its worst check; without checks it is passing (SPEC section 2).
    #[must_use]
    pub fn health(&self) -> Status {
        self.checks.iter().map(HealthCheck::exact_status).min().unwrap_or(Status::Passing)
    }
}

/// The host of an instance. Sider keeps its name only; the other fields are there because Consul's clients read them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeInfo {
    /// Always empty: Sider keeps no node ids.
    #[serde(rename = "ID")]
    pub id: String,
    /// The agent's node name, or the id of the server that took the registration.
    pub node: String,
    /// The instance's address: Consul's clients fall back to it when the service's own is empty.
    pub address: String,
    /// [`super::DATACENTER`].
    pub datacenter: String,
    /// Always empty.
    #[serde(with = "null_when_empty")]
    pub meta: BTreeMap<String, String>,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceInfo {
    /// Instance id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Service name.
    pub service: String,
    /// Tags in the client's order.
    pub tags: Vec<String>,
    /// IP or DNS name, or empty.
    pub address: String,
    /// Free pairs.
    #[serde(with = "null_when_empty")]
    pub meta: BTreeMap<String, String>,
    /// 0 when the service has none.
    pub port: u16,
    /// For load balancers.
    pub weights: WeightsInfo,
    /// Always false: tags change by registration only.
    pub enable_tag_override: bool,
    /// Tenant; absent for the default one, so that Consul's community clients see what they expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Index of the first registration.
    pub create_index: Index,
    /// Index of the last change of the instance itself.
    pub modify_index: Index,
}

/// Share of traffic by health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WeightsInfo {
    /// While passing.
    pub passing: u16,
    /// While warning.
    pub warning: u16,
}

impl Default for WeightsInfo {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

/// A check of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// As [`NodeInfo::node`].
    #[serde(default)]
    pub node: String,
    /// Check id.
    #[serde(rename = "CheckID")]
    pub check_id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// `passing`, `warning` or `critical`, and never `unknown`: Consul's clients take an unknown word for health "".
    /// Made by [`shown_status`]; read by [`HealthCheck::exact_status`].
    pub status: Status,
    /// `unknown` when that is the status; else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sider_status: Option<Status>,
    /// Always empty.
    #[serde(default)]
    pub notes: String,
    /// What the check said when its status last changed.
    #[serde(default)]
    pub output: String,
    /// Instance id.
    #[serde(rename = "ServiceID", default)]
    pub service_id: String,
    /// Service name.
    #[serde(default)]
    pub service_name: String,
    /// Tags of the instance.
    #[serde(default)]
    pub service_tags: Vec<String>,
    /// `ttl`, `http`, `tcp` or `cmd`.
    #[serde(rename = "Type", default)]
    pub kind: String,
    /// Go duration; empty for a ttl check.
    #[serde(default)]
    pub interval: String,
    /// Go duration; empty for a ttl check.
    #[serde(default)]
    pub timeout: String,
    /// Always `{}`: what it holds in Consul stands in `Type`, `Interval` and `Timeout`.
    #[serde(default)]
    pub definition: CheckDefinition,
    /// Index of the first registration.
    #[serde(default)]
    pub create_index: Index,
    /// Index of the last change of the status: the fence of an expiry.
    #[serde(default)]
    pub modify_index: Index,
}

impl HealthCheck {
    /// The status, `unknown` included.
    #[must_use]
    pub fn exact_status(&self) -> Status {
        self.sider_status.unwrap_or(self.status)
    }
}

/// `Status` and `SiderStatus` of a check whose status is `exact`: an unknown one is shown as critical.
#[must_use]
pub const fn shown_status(exact: Status) -> (Status, Option<Status>) {
    match exact {
        Status::Unknown => (Status::Critical, Some(Status::Unknown)),
        Status::Critical | Status::Warning | Status::Passing => (exact, None),
    }
}

/// Always `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckDefinition {}

/// An empty map as `null`, and `null` as an empty map: what Consul writes for a registrant that sent none.
mod null_when_empty {
    use super::{BTreeMap, Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
        if map.is_empty() { serializer.serialize_none() } else { map.serialize(serializer) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, String>, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or_default())
    }
}
