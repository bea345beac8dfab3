//! When the agent's memory is written: before anything is registered for the first time, then at most once per pause, and
//! again when a write failed. An agent that cannot save goes on: it would only be less smooth after its next start.
//!
//! Knows nothing of what the memory means.

use tokio::time::Instant;

use crate::core::{Core, Memory};
use crate::limits;
use crate::store::Store;

/// Writes the memory when it is time.
pub(crate) struct Keeper {
    store: Box<dyn Store>,
    /// The core has something that the store has not.
    unwritten: bool,
    /// No write before this.
    not_before: Instant,
    failed: bool,
}

impl Keeper {
    pub(crate) fn new(store: Box<dyn Store>) -> Self {
        Self { store, unwritten: false, not_before: Instant::now(), failed: false }
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
        self.unwritten.then_some(self.not_before)
    }

    /// Writes what is new when the pause after the last write is over.
    pub(crate) fn keep(&mut self, core: &mut Core) {
        self.unwritten |= core.has_new_memory();
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.write(core);
        }
    }

    /// Writes what is new now: the agent ends.
    pub(crate) fn keep_at_the_end(&mut self, core: &mut Core) {
        if self.unwritten || core.has_new_memory() {
            self.write(core);
        }
    }

    fn write(&mut self, core: &mut Core) {
        let memory = core.take_memory().unwrap_or_else(|| core.memory());
        let saved = self.store.save(&memory.to_json());
        self.unwritten = saved.is_err();
        let pause = if self.unwritten { limits::SAVE_RETRY_PAUSE } else { limits::SAVE_PAUSE };
        self.not_before = Instant::now() + pause;
        match saved {
            Ok(()) if std::mem::take(&mut self.failed) => tracing::info!("the agent's memory is saved again"),
            Ok(()) => {}
            // An outage of a disk is long: its beginning and its end are said.
            Err(error) if !std::mem::replace(&mut self.failed, true) => {
                tracing::error!(%error, "the agent's memory could not be saved; it is tried again");
            }
            Err(error) => tracing::debug!(%error, "the agent's memory could not be saved"),
        }
    }
}
