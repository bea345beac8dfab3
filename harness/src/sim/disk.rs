//! The simulated disk: LMDB runs without syncs on a memory file system, and what a sync would mean is decided here.
//!
//! A commit takes a seeded time, half of it before LMDB commits and half of it after. A crash in the first half loses
//! the batch; a crash in the second leaves it written and unacknowledged; a loss of power in the second may lose it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use sider::host::Host;
use sider::raft::Disk;
use sider_client::seam::BoxFuture;

use super::image::{Image, Metas};
use crate::scenario::model::DiskError;

/// The point at which the oldest commit of the log that waited for its sync has got it.
pub const DISK_SYNCED: &str = "disk.synced";

/// Names of the two environments below a server's directory.
const ENVIRONMENTS: [&str; 2] = ["log", "snap"];

/// The disk of one server. It outlives the server's crashes.
#[derive(Debug)]
pub struct SimDisk {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    sync: (Duration, Duration),
    slower_by: Duration,
    error: Option<DiskError>,
    /// What the disk really has, while it lies.
    lying: Option<[Option<Vec<u8>>; 2]>,
    environments: [Environment; 2],
}

#[derive(Debug)]
struct Environment {
    image: Image,
    /// What power loss goes back to, a state before each commit that is not synced yet, oldest first. A server that waits for
    /// its syncs, as it must, has one at most.
    unsynced: VecDeque<Before>,
    /// The half of the sync that is still to come.
    rest: Duration,
    /// Room for the next meta pages.
    room: Option<Metas>,
}

impl Environment {
    /// The oldest commit is synced.
    fn forget_oldest(&mut self) {
        if let Some(Before::Metas(metas)) = self.unsynced.pop_front() {
            self.room = Some(metas);
        }
    }
}

/// The state before a commit.
#[derive(Debug)]
enum Before {
    /// Its meta pages: the next commit has not begun, so all its other pages are still there.
    Metas(Metas),
    /// The whole file: LMDB reuses pages that the last commit but one has freed.
    File(Vec<u8>),
}

impl SimDisk {
    /// A disk below `dir` whose syncs take between `sync.0` and `sync.1`.
    #[must_use]
    pub fn new(dir: PathBuf, sync: (Duration, Duration), rng: StdRng) -> Self {
        let environment = |name: &str| Environment {
            image: Image::new(&dir.join(name)),
            unsynced: VecDeque::new(),
            rest: Duration::ZERO,
            room: None,
        };
        let environments = ENVIRONMENTS.map(environment);
        let state = State { rng, sync, slower_by: Duration::ZERO, error: None, lying: None, environments };
        Self { dir, state: Mutex::new(state) }
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Every commit fails from now on, or none does.
    pub fn set_error(&self, error: Option<DiskError>) {
        self.lock().error = error;
    }

    /// Every commit takes longer by this.
    pub fn set_slower_by(&self, by: Duration) {
        self.lock().slower_by = by;
    }

    /// From now on syncs are acknowledged and not done; or everything is synced for good and the disk is honest again.
    pub fn set_lying(&self, lying: bool) {
        let mut state = self.lock();
        // A file that is not there yet is absent from what the disk really has.
        state.lying = lying.then(|| [0, 1].map(|at| state.environments[at].image.copy().ok()));
    }

    /// The process is gone; the operating system still has everything that was written.
    pub fn after_crash(&self) {
        let mut state = self.lock();
        for environment in &mut state.environments {
            environment.unsynced.clear();
            environment.image.forget();
        }
    }

    /// The machine lost its power: what was not synced is gone. A sync that was under way may or may not have made it.
    ///
    /// # Errors
    /// The memory file system fails.
    pub fn after_power_loss(&self) -> io::Result<()> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let lying = state.lying.take();
        for (at, environment) in state.environments.iter_mut().enumerate() {
            let made_it = state.rng.random_bool(0.5);
            let before = std::mem::take(&mut environment.unsynced).pop_front();
            environment.image.forget();
            match (lying.as_ref().map(|images| &images[at]), before) {
                (Some(Some(older)), _) => environment.image.replace(older)?,
                // The lie began before the file did.
                (Some(None), _) => remove_dir(&self.dir.join(ENVIRONMENTS[at]))?,
                (None, Some(Before::Metas(metas))) if !made_it => environment.image.go_back_to(&metas)?,
                (None, Some(Before::File(bytes))) if !made_it => environment.image.replace(&bytes)?,
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Flips a stored byte of the log, or of the snapshots if the log holds none. The server must be down.
    ///
    /// # Errors
    /// The memory file system fails.
    pub fn flip_byte(&self) -> io::Result<Option<(&'static str, u64)>> {
        let mut guard = self.lock();
        let State { rng, environments, .. } = &mut *guard;
        for (environment, name) in environments.iter_mut().zip(ENVIRONMENTS) {
            if let Ok(Some(at)) = environment.image.flip_stored_byte(|max| rng.random_range(0..=max)) {
                return Ok(Some((name, at)));
            }
        }
        Ok(None)
    }

    /// Empties it. The server must be down.
    ///
    /// # Errors
    /// The memory file system fails.
    pub fn wipe(&self) -> io::Result<()> {
        self.after_crash();
        let mut state = self.lock();
        state.lying = None;
        state.error = None;
        remove_dir(&self.dir)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn which(dir: &Path) -> usize {
        usize::from(dir.ends_with(ENVIRONMENTS[1]))
    }

    fn begin(&self, dir: &Path) -> io::Result<Duration> {
        let mut guard = self.lock();
        let state = &mut *guard;
        match state.error {
            Some(DiskError::Io) => return Err(io::Error::from_raw_os_error(EIO)),
            Some(DiskError::Full) => {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "simulated: the disk is full"));
            }
            None => {}
        }
        let whole = state.slower_by + state.rng.random_range(state.sync.0..=state.sync.1);
        let environment = &mut state.environments[Self::which(dir)];
        environment.rest = whole / 2;
        Ok(whole - whole / 2)
    }

    /// LMDB commits right after this.
    fn mark(&self, dir: &Path) -> io::Result<()> {
        let environment = &mut self.lock().environments[Self::which(dir)];
        if let Some(Before::Metas(metas)) = environment.unsynced.back() {
            let whole = environment.image.copy_with(metas)?;
            environment.unsynced.pop_back();
            environment.unsynced.push_back(Before::File(whole));
        }
        let now = environment.image.metas(environment.room.take())?;
        environment.unsynced.push_back(Before::Metas(now));
        Ok(())
    }

    fn rest(&self, dir: &Path) -> Duration {
        self.lock().environments[Self::which(dir)].rest
    }

    fn synced(&self, dir: &Path) {
        let which = Self::which(dir);
        self.lock().environments[which].forget_oldest();
        if which == 0 {
            // What the server says of its disk may be wrong; this is what it really did (MEM-2).
            tracing::trace!(target: "sider::point", point = DISK_SYNCED);
        }
    }
}

/// Linux: Input/output error.
const EIO: i32 = 5;

fn remove_dir(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Disk for SimDisk {
    fn syncs(&self) -> bool {
        false
    }

    fn write_ahead_bytes(&self) -> u64 {
        0
    }

    fn run(&self, host: &Host, _name: &'static str, writer: BoxFuture<'static, ()>) {
        host.spawn(writer);
    }

    fn before_commit<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            pause(self.begin(dir)?).await;
            self.mark(dir)
        })
    }

    fn after_commit<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            pause(self.rest(dir)).await;
            self.synced(dir);
            Ok(())
        })
    }
}

/// True time: a disk does not follow its machine's clock. Less than a tick is nothing.
async fn pause(time: Duration) {
    if time >= Duration::from_micros(500) {
        super::timers::sleep(time).await;
    }
}
