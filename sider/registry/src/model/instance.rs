//! Instances: as a registration describes them, and as they are kept.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::text::bounded;
use super::{CheckId, Index, InstanceKey, Invalid, Name};
use crate::limits;

/// Share of traffic for load balancers, by health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Weights {
    /// While passing.
    pub passing: u16,
    /// While warning.
    pub warning: u16,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

/// An instance as a registration describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Who provides what.
    pub key: InstanceKey,
    /// Who registered it: the agent's node name, or the server's id when a client registered directly.
    pub node: Name,
    /// IP or DNS name; may be empty.
    pub address: String,
    /// 0 when the service has none.
    pub port: u16,
    /// In the client's order, without repetition.
    pub tags: Vec<String>,
    /// Free pairs.
    pub meta: BTreeMap<String, String>,
    /// For load balancers.
    pub weights: Weights,
}

/// An instance as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// As it was registered last.
    pub spec: InstanceSpec,
    /// Ids of its checks, in the order of the registration.
    pub checks: Vec<CheckId>,
    /// Its derived check ids name the service too: the plain form belonged to another when it was first registered.
    pub qualified: bool,
    /// The Index at which it was registered first.
    pub create_index: Index,
    /// The Index of its last change: a registration, or the status of one of its checks.
    pub modify_index: Index,
}

impl InstanceSpec {
    /// The spec with each tag once (the first), or what is wrong with it.
    ///
    /// # Errors
    /// The address, a tag, a meta pair or a weight breaks its rule or its bound (SPEC section 2).
    pub fn validated(mut self) -> Result<Self, Invalid> {
        validate_address(&self.address)?;
        self.tags = distinct_tags(self.tags)?;
        validate_meta(&self.meta)?;
        if self.weights.passing == 0 {
            let problem = format!("is 0; 1 to {} is expected", limits::WEIGHT_MAX);
            return Err(Invalid::new("Weights.Passing", problem));
        }
        Ok(self)
    }
}

/// The unspecified addresses reach nobody, so they are refused.
fn validate_address(address: &str) -> Result<(), Invalid> {
    bounded("Address", address, 0, limits::ADDRESS_LEN_MAX)?;
    if let Some(c) = address.chars().find(|c| c.is_whitespace()) {
        return Err(Invalid::new("Address", format!("holds {c:?}; an IP address or a DNS name is expected")));
    }
    if address.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        return Err(Invalid::new("Address", format!("is {address:?}; give an address that clients can reach")));
    }
    Ok(())
}

fn distinct_tags(tags: Vec<String>) -> Result<Vec<String>, Invalid> {
    let mut distinct: Vec<String> = Vec::with_capacity(tags.len());
    for (n, tag) in tags.into_iter().enumerate() {
        bounded(&format!("Tags[{n}]"), &tag, 1, limits::TAG_LEN_MAX)?;
        if !distinct.contains(&tag) {
            distinct.push(tag);
        }
        if distinct.len() > limits::TAGS_MAX {
            return Err(Invalid::new("Tags", format!("has more than {} tags; that is the bound", limits::TAGS_MAX)));
        }
    }
    Ok(distinct)
}

fn validate_meta(meta: &BTreeMap<String, String>) -> Result<(), Invalid> {
    if meta.len() > limits::META_PAIRS_MAX {
        return Err(Invalid::new("Meta", format!("has {} pairs; {} is the bound", meta.len(), limits::META_PAIRS_MAX)));
    }
    for (key, value) in meta {
        bounded("a key of Meta", key, 1, limits::META_KEY_LEN_MAX)?;
        bounded(&format!("Meta[{key:?}]"), value, 0, limits::META_VALUE_LEN_MAX)?;
    }
    Ok(())
}
