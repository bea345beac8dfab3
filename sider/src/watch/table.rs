//! Who is parked on what: a table without tasks, clocks or locks, so that the model checker can hold it in a state.

use std::collections::BTreeMap;

use sider_registry::model::{Index, Namespace, ServiceKey};

/// What a poll can wait for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKey {
    /// The instances of a service and their health.
    Service(ServiceKey),
    /// The names and tags of a namespace's services.
    Catalog(Namespace),
}

/// A place in the table. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Parked polls by key. `W` is how one is woken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WatchTable<W> {
    parked: BTreeMap<WatchKey, BTreeMap<Ticket, Place<W>>>,
    count: usize,
    next: u64,
}

/// One parked poll.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place<W> {
    /// The highest index that was announced since the poll took its place.
    announced: Index,
    /// How to wake it, once it waits.
    waker: Option<W>,
}

impl<W> Default for WatchTable<W> {
    fn default() -> Self {
        Self { parked: BTreeMap::new(), count: 0, next: 0 }
    }
}

impl<W> WatchTable<W> {
    /// Takes a place. From here on every announcement for `key` is remembered, so the caller may read the state
    /// *after* parking and lose no change in between (W-4).
    pub fn park(&mut self, key: WatchKey) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.count += 1;
        self.parked.entry(key).or_default().insert(ticket, Place { announced: Index(0), waker: None });
        ticket
    }

    /// True if a change above `index` was announced since the place was taken; else remembers `waker` for the next one.
    pub fn poll_above(&mut self, key: &WatchKey, ticket: Ticket, index: Index, waker: W) -> bool {
        let Some(place) = self.parked.get_mut(key).and_then(|places| places.get_mut(&ticket)) else {
            return true; // a place that is gone must not wait for ever
        };
        if place.announced > index {
            return true;
        }
        place.waker = Some(waker);
        false
    }

    /// A change of `key` at `index`: the wakers of everybody who waits there, in the order in which they parked.
    pub fn announce(&mut self, key: &WatchKey, index: Index) -> Vec<W> {
        let Some(places) = self.parked.get_mut(key) else { return Vec::new() };
        places
            .values_mut()
            .filter_map(|place| {
                place.announced = place.announced.max(index);
                place.waker.take()
            })
            .collect()
    }

    /// Everything may have changed (a snapshot was installed): `index_of` names each key's index now.
    pub fn announce_all(&mut self, index_of: impl Fn(&WatchKey) -> Index) -> Vec<W> {
        let mut wakers = Vec::new();
        for (key, places) in &mut self.parked {
            let index = index_of(key);
            for place in places.values_mut() {
                place.announced = place.announced.max(index);
                wakers.extend(place.waker.take());
            }
        }
        wakers
    }

    /// Gives a place back.
    pub fn leave(&mut self, key: &WatchKey, ticket: Ticket) {
        let Some(places) = self.parked.get_mut(key) else { return };
        if places.remove(&ticket).is_some() {
            self.count -= 1;
        }
        if places.is_empty() {
            self.parked.remove(key);
        }
    }

    /// Places taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// No places taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Places by key, in key order.
    pub fn by_key(&self) -> impl Iterator<Item = (&WatchKey, usize)> {
        self.parked.iter().map(|(key, places)| (key, places.len()))
    }
}
