//! Rendered bodies: each is rendered once per change and shared by everybody who reads the same state. A body is
//! determined by what it shows and the index of that; whoever finds a newer index renders anew.
//!
//! Knows nothing of the registry or of requests; holds a bounded number of bodies and bytes, the least recently used go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sider_registry::limits;
use sider_registry::model::Index;

use crate::watch::WatchKey;

/// What a body shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BodyKey {
    /// The service, or the catalog.
    pub(super) of: WatchKey,
    /// Passing instances only.
    pub(super) passing: bool,
}

/// The kept bodies.
#[derive(Debug, Default)]
pub(super) struct Bodies(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    bodies: BTreeMap<BodyKey, Entry>,
    /// Keys by their last use, oldest first.
    by_use: BTreeMap<u64, BodyKey>,
    uses: u64,
    bytes: usize,
}

/// A body, once somebody has rendered it; locked while somebody does.
type Slot = Arc<Mutex<Option<Bytes>>>;

#[derive(Debug)]
struct Entry {
    index: Index,
    used: u64,
    body: Slot,
    /// Length of the body once it is rendered and counted.
    counted: usize,
}

impl Bodies {
    /// The body of `key` at `index`, if it is kept.
    pub(super) fn get(&self, key: &BodyKey, index: Index) -> Option<Bytes> {
        let mut shelf = self.lock();
        let slot = Arc::clone(&shelf.bodies.get(key).filter(|entry| entry.index == index)?.body);
        shelf.touch(key);
        drop(shelf);
        // While it is being rendered, wait for it: the alternative is to render it a second time.
        lock(&slot).clone()
    }

    /// The body of `key` at `index`, rendered by the first who asks; others wait for it. The lock on the shelf is not held
    /// while rendering.
    ///
    /// # Errors
    /// That of `render`; then nothing is kept.
    pub(super) fn get_or_render<E>(
        &self,
        key: BodyKey,
        index: Index,
        render: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let Some(slot) = self.lock().slot(&key, index) else {
            return render(); // a reader of an older state than the kept one: its body is of use to nobody else
        };
        let mut kept = lock(&slot);
        let body = match &*kept {
            Some(body) => body.clone(),
            None => kept.insert(render()?).clone(),
        };
        drop(kept);
        self.lock().count(&key, index, body.len());
        Ok(body)
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.0)
    }
}

impl Shelf {
    /// The place for a body at `index`; none if a newer one stands there.
    fn slot(&mut self, key: &BodyKey, index: Index) -> Option<Slot> {
        match self.bodies.get(key) {
            Some(entry) if entry.index > index => return None,
            Some(entry) if entry.index == index => {
                let body = Arc::clone(&entry.body);
                self.touch(key);
                return Some(body);
            }
            Some(_) | None => self.remove(key),
        }
        let body = Slot::default();
        let entry = Entry { index, used: 0, body: Arc::clone(&body), counted: 0 };
        self.bodies.insert(key.clone(), entry);
        self.touch(key);
        self.shrink();
        Some(body)
    }

    /// Counts the bytes of a body that has been rendered.
    fn count(&mut self, key: &BodyKey, index: Index, len: usize) {
        let Some(entry) = self.bodies.get_mut(key).filter(|entry| entry.index == index) else { return };
        self.bytes += len - entry.counted;
        entry.counted = len;
        self.shrink();
    }

    fn touch(&mut self, key: &BodyKey) {
        let Some(entry) = self.bodies.get_mut(key) else { return };
        self.uses += 1;
        let key = self.by_use.remove(&entry.used).unwrap_or_else(|| key.clone());
        entry.used = self.uses;
        self.by_use.insert(self.uses, key);
    }

    fn remove(&mut self, key: &BodyKey) {
        if let Some(entry) = self.bodies.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.counted;
        }
    }

    fn shrink(&mut self) {
        while self.bodies.len() > limits::HTTP_BODIES_CACHED_MAX || self.bytes > limits::HTTP_BODIES_CACHED_BYTES_MAX {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            if let Some(entry) = self.bodies.remove(&oldest) {
                self.bytes -= entry.counted;
            }
        }
    }
}

/// What is behind these locks is changed in steps that do not panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
