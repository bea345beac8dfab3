//! GET: 2xx and 3xx passing, 4xx warning, anything else critical. A redirect is an answer like another and is not followed.

use std::time::Duration;

use reqwest::{StatusCode, redirect};
use sider_client::duration;
use sider_registry::model::Status;

use super::{critical, cut};
use crate::core::Measured;
use crate::limits;

pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        // A kept connection hides that the service takes no new ones any more.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("sds-agent/", env!("CARGO_PKG_VERSION")))
        .build()
}

pub(super) async fn run(client: reqwest::Client, url: String, timeout: Duration) -> Measured {
    let mut answered = None;
    let ended = tokio::time::timeout(timeout, get(&client, &url, &mut answered)).await;
    let problem = match (ended, answered) {
        (Ok(Ok(measured)), _) => return measured,
        (Ok(Err(error)), None) => with_causes(&error),
        (Ok(Err(error)), Some(code)) => format!("{code}, but the body broke off: {}", with_causes(&error)),
        (Err(_), None) => format!("no answer within {}", duration::format(timeout)),
        (Err(_), Some(code)) => format!("{code}, but the body did not end within {}", duration::format(timeout)),
    };
    critical(format!("HTTP GET {url}: {problem}"))
}

/// Sets `answered` as soon as the status is known.
async fn get(
    client: &reqwest::Client,
    url: &str,
    answered: &mut Option<StatusCode>,
) -> Result<Measured, reqwest::Error> {
    let mut response = client.get(url).send().await?;
    let code = response.status();
    *answered = Some(code);
    let status = match code.as_u16() {
        200..=399 => Status::Passing,
        400..=499 => Status::Warning,
        _ => Status::Critical,
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= limits::PROBE_OUTPUT_MAX {
            break;
        }
    }
    let output = format!("HTTP GET {url}: {code} Output: {}", String::from_utf8_lossy(&body));
    Ok(Measured { status, output: cut(output) })
}

/// reqwest's own message says "error sending request"; why stands in its causes.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
