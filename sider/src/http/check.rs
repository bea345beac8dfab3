//! Renewals and reports of checks.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sider_client::wire::{RenewAnswer, RenewOutcome, RenewResult};
use sider_registry::Outcome;
use sider_registry::command::{CheckReport, ReportResult};
use sider_registry::model::{CheckKey, Index, Status};

use super::call::Call;
use super::decode::report;
use super::error::ApiError;
use super::{Api, reply};

const PASS: &str = "/v1/agent/check/pass/";
const WARN: &str = "/v1/agent/check/warn/";
const FAIL: &str = "/v1/agent/check/fail/";
const UPDATE: &str = "/v1/agent/check/update/";

/// `PUT /v1/agent/check/pass/{check_id}?note=`: a renewal.
pub(super) async fn pass(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    noted(&api, call, PASS, Status::Passing).await
}

/// `PUT /v1/agent/check/warn/{check_id}?note=`.
pub(super) async fn warn(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    noted(&api, call, WARN, Status::Warning).await
}

/// `PUT /v1/agent/check/fail/{check_id}?note=`.
pub(super) async fn fail(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    noted(&api, call, FAIL, Status::Critical).await
}

/// `PUT /v1/agent/check/update/{check_id}` with `{"Status", "Output"}`.
pub(super) async fn update(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let (check, key) = (check(&call, UPDATE)?, call.idempotency_key()?);
    let (status, output) = report::update(&call.body(&api).await?)?;
    let (index, _) = reported(&api, vec![CheckReport { check, status, output }], key).await?;
    Ok(reply::written(index))
}

/// `PUT /v1/agent/check/renew`: many checks at once. An unknown one does not keep the others from their renewal.
pub(super) async fn renew(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let (outer, key) = (call.outer_namespace()?, call.idempotency_key()?);
    let reports = report::renew(&call.body(&api).await?, outer)?;
    let ids: Vec<String> = reports.iter().map(|report| report.check.id.as_str().to_owned()).collect();
    let (index, results) = match reported(&api, reports, key).await {
        Ok(answer) => answer,
        // A batch of one unknown check is a batch all the same.
        Err(ApiError::Write(crate::node::WriteError::Rejected(sider_registry::Rejection::UnknownCheck { .. })))
            if ids.len() == 1 =>
        {
            (api.node.read(sider_registry::Registry::index), vec![ReportResult::UnknownCheck])
        }
        Err(error) => return Err(error),
    };
    let results = ids.into_iter().zip(results).map(|(id, result)| RenewResult { id, result: shown(result) });
    reply::written_json(index, &RenewAnswer { index, results: results.collect() })
}

async fn noted(api: &Api, call: Call, prefix: &str, status: Status) -> Result<Response, ApiError> {
    let report = CheckReport { check: check(&call, prefix)?, status, output: report::cut(call.note()?) };
    let key = call.idempotency_key()?;
    drop(call);
    let (index, _) = reported(api, vec![report], key).await?;
    Ok(reply::written(index))
}

fn check(call: &Call, prefix: &str) -> Result<CheckKey, ApiError> {
    Ok(report::check_key(call.tail(prefix, "check_id")?, call.namespace()?)?)
}

async fn reported(
    api: &Api,
    reports: Vec<CheckReport>,
    key: Option<String>,
) -> Result<(Index, Vec<ReportResult>), ApiError> {
    let asked = reports.len();
    match api.report(reports, key).await? {
        Outcome::Reported { index, results } if results.len() == asked => Ok((index, results)),
        other => Err(super::unexpected("report", &other)),
    }
}

fn shown(result: ReportResult) -> RenewOutcome {
    match result {
        ReportResult::Changed => RenewOutcome::Changed,
        ReportResult::Unchanged => RenewOutcome::Ok,
        ReportResult::UnknownCheck => RenewOutcome::Unknown,
    }
}
