//! Requests into commands: everything that a client wrote is parsed here, once, into the registry's types. Behind this
//! room no function looks at a name, a port or a duration again.
//!
//! Two dialects are read, by one decoder: the founding document's (`name`, `checks:[{type,ttl|path|cmd,..}]`) and
//! Consul's (`Name`, `Check`, `Checks:[{TTL|HTTP|TCP|Args,..}]`). Keys are matched without regard to case and
//! underscores; an unknown key is an error that names the nearest right one, because a misspelt key that is skipped
//! registers something else than was meant.
//!
//! Knows nothing of the node, of HTTP statuses or of what the registry holds.

pub(super) mod check;
pub(super) mod cluster;
pub(super) mod json;
mod nearest;
pub(super) mod path;
pub(super) mod query;
pub(super) mod register;
pub(super) mod report;

use sider_client::wire::DEFAULT_NAMESPACE;
use sider_registry::model::{Invalid, Name, Namespace};

/// The namespace of a request: what its body names, else what its address or header names, else the default one.
pub(super) fn namespace(body: Option<Namespace>, outside: Option<Namespace>) -> Result<Namespace, Invalid> {
    match (body, outside) {
        (Some(body), Some(outside)) if body != outside => Err(Invalid::new(
            "namespace",
            format!(
                "is {:?} in the body and {:?} in the query or header; name it once",
                body.0.as_str(),
                outside.0.as_str()
            ),
        )),
        (Some(one), _) | (None, Some(one)) => Ok(one),
        (None, None) => Ok(Namespace(Name::new(DEFAULT_NAMESPACE)?)),
    }
}

#[cfg(test)]
mod tests;
