//! Connect: passing when it succeeds.

use std::time::Duration;

use sider_client::duration;
use sider_registry::model::Status;
use tokio::net::TcpStream;

use super::critical;
use crate::core::Measured;

pub(super) async fn run(address: String, timeout: Duration) -> Measured {
    match tokio::time::timeout(timeout, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Measured { status: Status::Passing, output: format!("TCP connect {address}: success") },
        Ok(Err(error)) => critical(format!("TCP connect {address}: {error}")),
        Err(_) => critical(format!("TCP connect {address}: no answer within {}", duration::format(timeout))),
    }
}
