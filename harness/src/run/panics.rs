//! What panicked and where: a task's panic comes to the run as "a task panicked", without a word of it.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    /// The first panic of this thread since it was taken last.
    static FIRST: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// A panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panicked {
    /// Source file, as the compiler names it.
    file: String,
    line: u32,
    message: String,
}

impl Panicked {
    /// It was code of the harness or of the simulation: nothing is known about the server.
    pub(super) fn is_of_the_harness(&self) -> bool {
        self.file.starts_with("harness/") || self.file.contains("/turmoil-")
    }

    /// Message and place, the latter without the machine's own directories.
    pub(super) fn text(&self) -> String {
        let file = self.file.rsplit_once("/registry/src/").map_or(self.file.as_str(), |(_, file)| file);
        format!("{} ({file}:{})", self.message, self.line)
    }
}

/// Remembers panics from now on, beside whatever else is done with them.
pub(super) fn remember() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let location = info.location();
            let panicked = Panicked {
                file: location.map_or_else(String::new, |at| at.file().to_owned()),
                line: location.map_or(0, panic::Location::line),
                message: info.payload_as_str().unwrap_or("no message").to_owned(),
            };
            FIRST.with_borrow_mut(|first| {
                first.get_or_insert(panicked);
            });
            next(info);
        }));
    });
    FIRST.take();
}

/// The first panic of this thread.
pub(super) fn first() -> Option<Panicked> {
    FIRST.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_panic_is_remembered_with_its_message_and_place() {
        remember();
        for number in [1, 2] {
            assert!(panic::catch_unwind(|| panic!("number {number}")).is_err());
        }
        let first = first().expect("there were two");
        assert!(first.text().starts_with("number 1 (") && first.is_of_the_harness(), "{first:?}");
    }

    #[test]
    fn servers_are_not_blamed_for_the_simulation() {
        let at = |file: &str| Panicked { file: file.into(), line: 7, message: "x".into() };
        assert!(at("/home/a/.cargo/registry/src/index/turmoil-0.7.2/src/host.rs").is_of_the_harness());
        assert!(!at("/home/a/.cargo/registry/src/index/openraft-0.10.0/src/raft.rs").is_of_the_harness());
        assert!(!at("sider/src/node/read.rs").is_of_the_harness());
        assert_eq!(at("/home/a/.cargo/registry/src/index/b/c.rs").text(), "x (index/b/c.rs:7)");
    }
}
