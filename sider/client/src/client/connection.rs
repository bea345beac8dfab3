//! One HTTP/1 connection, and one exchange over it. The connection is driven by the call that uses it, not by a task of
//! its own: nothing outlives a dropped call, and simulated runs have no detached tasks.

use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::answer::RawAnswer;
use crate::seam::{BoxStream, Dial};

type Driver = Pin<Box<http1::Connection<TokioIo<BoxStream>, Full<Bytes>>>>;

pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
}

/// Why an exchange gave no answer.
pub(super) enum Broken {
    /// The peer had closed the connection before the request was begun.
    BeforeSending(String),
    /// Later.
    AfterSending(String),
}

impl Connection {
    pub(super) async fn open(dial: &dyn Dial, address: &str) -> io::Result<Self> {
        let stream = dial.dial(address).await?;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Self { sender, driver: Box::pin(driver) })
    }

    /// Looks whether an idle connection still takes a request: a peer that closed it meanwhile is noticed here.
    pub(super) async fn is_usable(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = &mut self.driver => false,
            ready = self.sender.ready() => ready.is_ok(),
        }
    }

    /// Sends `request` and reads the whole answer, at most `answer_len_max` bytes of body. Gives itself back when it can
    /// be used again.
    pub(super) async fn exchange(
        self,
        request: Request<Full<Bytes>>,
        answer_len_max: usize,
    ) -> (Option<Self>, Result<RawAnswer, Broken>) {
        let Self { mut sender, driver } = self;
        let (driver, result) = {
            let work = async {
                let response = sender.try_send_request(request).await.map_err(|mut error| {
                    let text = describe(error.error());
                    match error.take_message() {
                        Some(_) => Broken::BeforeSending(text),
                        None => Broken::AfterSending(text),
                    }
                })?;
                let (head, body) = response.into_parts();
                let body = Limited::new(body, answer_len_max).collect().await.map_err(|error| {
                    Broken::AfterSending(if error.is::<LengthLimitError>() {
                        format!("the answer is longer than {answer_len_max} bytes")
                    } else {
                        format!("the answer broke off: {error}")
                    })
                })?;
                Ok(RawAnswer { status: head.status, headers: head.headers, body: body.to_bytes() })
            };
            drive(driver, work).await
        };
        (driver.filter(|_| result.is_ok()).map(|driver| Self { sender, driver }), result)
    }
}

/// Runs `work` while `driver` moves its bytes. A driver that ends is dropped at once: only that ends what waits for it.
async fn drive<T>(mut driver: Driver, work: impl Future<Output = T>) -> (Option<Driver>, T) {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return (Some(driver), done),
        _ = &mut driver => {}
    }
    drop(driver);
    (None, work.await)
}

/// hyper's message with its cause: "connection error" alone helps nobody.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
