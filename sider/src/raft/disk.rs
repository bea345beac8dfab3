//! The seam of durability: when a commit counts, and on what the writer runs.

use std::io;
use std::path::Path;

use sider_client::seam::BoxFuture;

use crate::host::Host;

/// A disk. Two exist: [`OsDisk`] and the simulation's.
pub trait Disk: Send + Sync + 'static {
    /// LMDB itself syncs each commit. False: it is opened without sync, and durability is what the two calls around a
    /// commit say it is.
    fn syncs(&self) -> bool;

    /// Zeros written ahead into a fresh data file, in bytes. While the file grows, each commit pays a commit of the
    /// file system's journal as well: written ahead, group commits were measured 4 to 7 times faster.
    fn write_ahead_bytes(&self) -> u64;

    /// Runs a writer until its queue closes.
    fn run(&self, host: &Host, name: &'static str, writer: BoxFuture<'static, ()>);

    /// Before a batch is committed to the environment in `dir`. An error is final: the server stops.
    fn before_commit<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>>;

    /// After the commit and before anybody is told. An error is final: the server stops.
    fn after_commit<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>>;
}

/// The operating system's disk: LMDB syncs, and the writer has a thread of its own, since a sync blocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl OsDisk {
    const WRITE_AHEAD: u64 = 64 << 20;
}

impl Disk for OsDisk {
    fn syncs(&self) -> bool {
        true
    }

    fn write_ahead_bytes(&self) -> u64 {
        Self::WRITE_AHEAD
    }

    fn run(&self, _host: &Host, name: &'static str, writer: BoxFuture<'static, ()>) {
        // The writer waits for its queue only, never for a timer or a socket, so a bare executor is enough.
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || block_on(writer));
        assert!(spawned.is_ok(), "cannot start the thread {name}: {spawned:?}");
    }

    fn before_commit<'a>(&'a self, _dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn after_commit<'a>(&'a self, _dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Polls `future` on this thread, parking it in between.
fn block_on(future: BoxFuture<'static, ()>) {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = future;
    while future.as_mut().poll(&mut context).is_pending() {
        std::thread::park();
    }
}
