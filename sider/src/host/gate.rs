//! A gate in front of every task of a host: closed, the tasks are not polled while time goes on, as by SIGSTOP.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Open in production, always. A simulation closes and opens it.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// None: cannot be closed, and costs nothing.
    shared: Option<Arc<Mutex<Shared>>>,
}

#[derive(Debug, Default)]
struct Shared {
    closed: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    /// A gate that can be closed.
    #[must_use]
    pub fn closable() -> Self {
        Self { shared: Some(Arc::default()) }
    }

    /// Stops every task behind the gate at its next poll.
    pub fn pause(&self) {
        if let Some(shared) = &self.shared {
            shared.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        }
    }

    /// Lets them run again, in the order in which they came to the gate.
    pub fn resume(&self) {
        let Some(shared) = &self.shared else { return };
        let waiting = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.closed = false;
            std::mem::take(&mut shared.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Puts `future` behind the gate.
    pub fn wrap<F: Future>(&self, future: F) -> Gated<F> {
        Gated { gate: self.clone(), future: Box::pin(future) }
    }

    /// Registers the task and answers true if the gate is closed.
    fn holds(&self, cx: &Context<'_>) -> bool {
        let Some(shared) = &self.shared else { return false };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.closed {
            shared.waiting.push(cx.waker().clone());
        }
        shared.closed
    }
}

/// A future behind a [`Gate`].
#[derive(Debug)]
pub struct Gated<F> {
    gate: Gate,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.gate.holds(cx) {
            return Poll::Pending;
        }
        self.future.as_mut().poll(cx)
    }
}
