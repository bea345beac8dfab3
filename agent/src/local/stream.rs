//! The agent's patience with a local client: hyper has a clock for a request's head and none for a client that does not read,
//! which would keep its place for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sider_client::seam::Patience;
use tokio::time::{Sleep, sleep};

use crate::limits;

/// With a client that must read its answer.
#[derive(Default)]
pub(super) struct WithReader {
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patience for WithReader {
    fn has_written(&mut self) {
        self.stalled = None;
    }

    fn poll_write_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limits::LOCAL_WRITE_TIMEOUT)));
        stalled.as_mut().poll(cx).map(|()| io::Error::new(io::ErrorKind::TimedOut, "the client does not read"))
    }
}
