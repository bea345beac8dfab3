//! What identifies a service, an instance and a check. Their order is the order of every list that the registry answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CheckId, InstanceId, Namespace, ServiceName};

/// A service of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Tenant.
    pub namespace: Namespace,
    /// Service.
    pub service: ServiceName,
}

/// One provider of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceKey {
    /// Tenant.
    pub namespace: Namespace,
    /// Service.
    pub service: ServiceName,
    /// Instance.
    pub id: InstanceId,
}

/// A check of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckKey {
    /// Tenant.
    pub namespace: Namespace,
    /// Check.
    pub id: CheckId,
}

impl InstanceKey {
    /// The service that the instance provides.
    #[must_use]
    pub fn service_key(&self) -> ServiceKey {
        ServiceKey { namespace: self.namespace.clone(), service: self.service.clone() }
    }
}

impl fmt::Display for ServiceKey {
    /// `<namespace>/<service>`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)
    }
}

impl fmt::Display for InstanceKey {
    /// `<namespace>/<service>/<id>`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.service, self.id)
    }
}

impl fmt::Display for CheckKey {
    /// `<namespace>/<check id>`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.id)
    }
}
