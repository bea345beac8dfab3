//! A value that many states share, with its hash kept: a step that leaves it alone neither copies nor hashes it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A shared value. Equal if the values are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared<T> {
    // First, so that a comparison of different values mostly ends here.
    hash: u64,
    value: Arc<T>,
}

impl<T: Hash + Clone> Shared<T> {
    /// Shares a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { hash: hash_of(&value), value: Arc::new(value) }
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Changes the value here, and nowhere else.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(Arc::make_mut(&mut self.value));
        self.hash = hash_of(&*self.value);
        result
    }
}

impl<T> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.hash.hash(hasher);
    }
}

/// The same in every run: the default hasher has fixed keys when it is made like this.
fn hash_of<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
