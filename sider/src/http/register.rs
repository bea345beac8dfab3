//! Register and deregister.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sider_client::wire::RegisterAnswer;
use sider_registry::model::{InstanceId, Name};
use sider_registry::{Command, Outcome};

use super::call::Call;
use super::error::ApiError;
use super::{Api, decode, reply};

const DEREGISTER: &str = "/v1/agent/service/deregister/";

/// `PUT /v1/agent/service/register`.
pub(super) async fn register(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let (outer, key) = (call.outer_namespace()?, call.idempotency_key()?);
    let command = decode::register::register(&call.body(&api).await?, outer, api.node.name())?;
    let (index, check_ids) = match api.write(command.clone(), key).await? {
        Outcome::Registered { index, check_ids, changed } => {
            log_registered(&api, &command, index.0, changed);
            (index, check_ids)
        }
        other => return Err(super::unexpected("register", &other)),
    };
    let check_ids = check_ids.into_iter().map(String::from).collect();
    reply::written_json(index, &RegisterAnswer { index, check_ids })
}

/// `PUT /v1/agent/service/deregister/{id}`: every instance with that id in the namespace.
pub(super) async fn deregister_id(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let id = Name::new(call.tail(DEREGISTER, "id")?).map_err(|error| error.named("id"))?;
    let id = InstanceId(id);
    let (namespace, key) = (call.namespace()?, call.idempotency_key()?);
    deregistered(&api, Command::DeregisterId { namespace, id }, key).await
}

/// `PUT /v1/agent/service/deregister`: one instance.
pub(super) async fn deregister(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let (outer, key) = (call.outer_namespace()?, call.idempotency_key()?);
    let command = decode::register::deregister(&call.body(&api).await?, outer)?;
    deregistered(&api, command, key).await
}

async fn deregistered(api: &Api, command: Command, key: Option<String>) -> Result<Response, ApiError> {
    match api.write(command.clone(), key).await? {
        Outcome::Deregistered { index, count } => {
            let (ns, id) = match &command {
                Command::Deregister { key } => (&key.namespace, &key.id),
                Command::DeregisterId { namespace, id } => (namespace, id),
                other => return Err(ApiError::Internal(format!("{other:?} is no deregistration"))),
            };
            tracing::info!(ns = ns.0.as_str(), instance = id.0.as_str(), count, index = index.0, "deregistered");
            Ok(reply::written(index))
        }
        other => Err(super::unexpected("deregister", &other)),
    }
}

fn log_registered(api: &Api, command: &Command, index: u64, changed: bool) {
    let Command::Register { instance, .. } = command else { return };
    let node = api.node.name().as_str();
    let (ns, service, id) = (&instance.key.namespace.0, &instance.key.service.0, &instance.key.id.0);
    let (ns, service, instance) = (ns.as_str(), service.as_str(), id.as_str());
    if changed {
        tracing::info!(node, ns, service, instance, index, "registered");
    } else {
        tracing::debug!(node, ns, service, instance, index, "registered again, nothing changed");
    }
}
