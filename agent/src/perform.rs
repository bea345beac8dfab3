//! From an action to its result: the only room that talks to the cluster for the core.

use std::sync::Arc;

use sider_client::Outcome;
use sider_client::client::Ack;
use sider_client::seam::BoxFuture;
use sider_client::wire::{DEFAULT_NAMESPACE, RegisterAnswer, RenewAnswer, RenewEntry, RenewRequest};
use sider_registry::model::{CheckId, InstanceKey, Namespace, Status};

use crate::core::{Action, CheckNo, Measured, Report, ReportResults};
use crate::shared::Shared;

/// Something ended.
pub(crate) enum Done {
    Probed(CheckNo, Measured),
    Registered(InstanceKey, Outcome<Vec<CheckId>>),
    Deregistered(InstanceKey, Outcome<()>),
    Reported(Namespace, Outcome<ReportResults>),
    Saved(std::io::Result<()>),
    LocalClosed,
}

/// Begins an action.
pub(crate) fn perform(shared: &Arc<Shared>, action: Action) -> BoxFuture<'static, Done> {
    let shared = Arc::clone(shared);
    Box::pin(async move {
        match action {
            Action::Probe { check, target, timeout } => {
                let measured = shared.probes.run(target, timeout).await;
                shared.metrics.probed(measured.status);
                Done::Probed(check, measured)
            }
            Action::Register { instance, request, key } => {
                let outcome = shared.client().register(&request, Some(&key)).await;
                shared.metrics.called("register", &outcome);
                Done::Registered(instance, check_ids(outcome))
            }
            Action::Deregister { instance, key } => {
                let (namespace, service) = (instance.namespace.0.as_str(), instance.service.0.as_str());
                let client = shared.client();
                let outcome = client.deregister(namespace, service, instance.id.0.as_str(), Some(&key)).await;
                shared.metrics.called("deregister", &outcome);
                Done::Deregistered(instance, outcome.map(|ack| ack.answer))
            }
            Action::Report { namespace, reports } => {
                let outcome = shared.client().renew_many(&renew_request(&namespace, reports), None).await;
                shared.metrics.called("report", &outcome);
                Done::Reported(namespace, outcome.map(results))
            }
        }
    })
}

fn renew_request(namespace: &Namespace, reports: Vec<Report>) -> RenewRequest {
    let checks = reports
        .into_iter()
        .map(|report| RenewEntry {
            id: report.id.into(),
            status: (report.status != Status::Passing).then_some(report.status),
            output: report.output,
        })
        .collect();
    let namespace = namespace.0.as_str();
    RenewRequest { namespace: (namespace != DEFAULT_NAMESPACE).then(|| namespace.to_owned()), checks }
}

fn results(ack: Ack<RenewAnswer>) -> ReportResults {
    ack.answer.results.into_iter().map(|result| result.result).collect()
}

/// An id that is none is an answer that no Sider server gives: what the write did is then not known.
fn check_ids(outcome: Outcome<Ack<RegisterAnswer>>) -> Outcome<Vec<CheckId>> {
    match outcome.map(|ack| ack.answer.check_ids.into_iter().map(CheckId::try_from).collect::<Result<Vec<_>, _>>()) {
        Outcome::Ok(Ok(ids)) => Outcome::Ok(ids),
        Outcome::Ok(Err(invalid)) => Outcome::Unknown(format!("the answer names a check id that is none: {invalid}")),
        Outcome::Rejected { code, status, text } => Outcome::Rejected { code, status, text },
        Outcome::Unknown(reason) => Outcome::Unknown(reason),
    }
}
