//! GET: 2xx and 3xx passing, 4xx warning, anything else critical. A redirect is an answer like another and is not followed.

use std::time::Duration;

use reqwest::redirect;
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
    match tokio::time::timeout(timeout, get(&client, &url)).await {
        Ok(Ok(measured)) => measured,
        Ok(Err(error)) => critical(format!("HTTP GET {url}: {}", with_causes(&error))),
        Err(_) => critical(format!("HTTP GET {url}: no answer within {}", duration::format(timeout))),
    }
}

async fn get(client: &reqwest::Client, url: &str) -> Result<Measured, reqwest::Error> {
    let mut response = client.get(url).send().await?;
    let code = response.status();
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
