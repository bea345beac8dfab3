//! How many connections there may be, altogether and of one address. HTTP and the Raft port each have their own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places for connections.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    taken: Arc<Mutex<Taken>>,
    bounds: Bounds,
}

/// How many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of one address.
    pub per_address: usize,
    /// Altogether.
    pub all: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A taken place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    address: IpAddr,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// This client has too many.
    #[error("this address holds {0} connections, which is the bound for one address; close some, or use fewer")]
    Address(usize),
    /// All clients together have too many.
    #[error("this server holds {0} connections, which is its bound; ask another server")]
    Server(usize),
}

impl NoPlace {
    /// The label's value.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Server(_) => "server",
        }
    }
}

impl Places {
    /// As many as `bounds` say.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { taken: Arc::default(), bounds }
    }

    /// Takes a place for a client.
    pub(crate) fn take(&self, address: IpAddr) -> Result<Place, NoPlace> {
        // An IPv4 client is one client, whether it came in through an IPv6 socket or not.
        let address = address.to_canonical();
        let mut taken = lock(&self.taken);
        if taken.all >= self.bounds.all {
            return Err(NoPlace::Server(self.bounds.all));
        }
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address >= self.bounds.per_address {
            let bound = self.bounds.per_address;
            // A bound of zero must not leave an entry behind.
            taken.by_address.retain(|_, count| *count > 0);
            return Err(NoPlace::Address(bound));
        }
        *of_address += 1;
        taken.all += 1;
        Ok(Place { taken: Arc::clone(&self.taken), address })
    }

    /// Places taken now.
    pub(crate) fn len(&self) -> usize {
        lock(&self.taken).all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
