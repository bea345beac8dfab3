//! When the agent's memory is written: as soon as it is known what shall be registered, then at most once per pause, and
//! again when a write failed. An agent that cannot save goes on: it would only be less smooth after its next start.
//!
//! Knows nothing of what the memory means.

use std::io;

use sider_client::seam::BoxFuture;
use tokio::time::Instant;

use crate::core::{Core, Memory};
use crate::limits;
use crate::store::Store;

/// Writes the memory when it is time.
pub(crate) struct Keeper {
    store: Box<dyn Store>,
    /// The core has something that the store has not, and that is not being written.
    unwritten: bool,
    /// A write is under way: there is one at a time.
    writing: bool,
    /// No write before this.
    not_before: Instant,
    failed: bool,
}

impl Keeper {
    pub(crate) fn new(store: Box<dyn Store>) -> Self {
        Self { store, unwritten: false, writing: false, not_before: Instant::now(), failed: false }
    }

    /// What the last life left. What cannot be read is set aside: the agent can do its work without it.
    pub(crate) fn recall(&mut self) -> Memory {
        let loaded = self.store.load().map_err(|error| error.to_string());
        let read = loaded.and_then(|blob| blob.map_or_else(|| Ok(Memory::default()), |blob| Memory::from_json(&blob)));
        read.unwrap_or_else(|problem| {
            tracing::error!(
                problem,
                "the agent's memory cannot be read: it is set aside, and the agent begins without"
            );
            if let Err(error) = self.store.set_aside() {
                tracing::error!(%error, "the agent's memory could not be set aside");
            }
            Memory::default()
        })
    }

    /// When [`Keeper::keep`] has something to write.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.unwritten && !self.writing).then_some(self.not_before)
    }

    /// True until [`Keeper::saved`] is told.
    pub(crate) const fn is_writing(&self) -> bool {
        self.writing
    }

    /// A write of what is new, when the pause after the last one is over.
    pub(crate) fn keep(&mut self, core: &mut Core) -> Option<BoxFuture<'static, io::Result<()>>> {
        self.unwritten |= core.has_new_memory();
        self.due().is_some_and(|due| due <= Instant::now()).then(|| self.write(core))
    }

    /// The same without a pause: the agent ends.
    pub(crate) fn keep_now(&mut self, core: &mut Core) -> Option<BoxFuture<'static, io::Result<()>>> {
        self.not_before = Instant::now();
        self.keep(core)
    }

    fn write(&mut self, core: &mut Core) -> BoxFuture<'static, io::Result<()>> {
        let memory = core.take_memory().unwrap_or_else(|| core.memory());
        self.unwritten = false;
        self.writing = true;
        self.store.save(memory.to_json())
    }

    /// A write is over.
    pub(crate) fn saved(&mut self, result: io::Result<()>) {
        self.writing = false;
        self.not_before = Instant::now() + if result.is_ok() { limits::SAVE_PAUSE } else { limits::SAVE_RETRY_PAUSE };
        let Err(error) = result else {
            if std::mem::take(&mut self.failed) {
                tracing::info!("the agent's memory is saved again");
            }
            return;
        };
        self.unwritten = true;
        // An outage of a disk is long: its beginning and its end are said.
        if std::mem::replace(&mut self.failed, true) {
            tracing::debug!(%error, "the agent's memory could not be saved");
        } else {
            tracing::error!(%error, "the agent's memory could not be saved; it is tried again");
        }
    }
}
