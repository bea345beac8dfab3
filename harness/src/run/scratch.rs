//! The directory of a run's simulated disks: in memory where there is some, gone when the run is, whatever ended it.
//!
//! A process that is killed cannot tidy up, and what it leaves fills the memory of the machine: so each run holds a lock in
//! its directory, and takes away the directories whose lock nobody holds any more.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// How the names of the directories begin.
const PREFIX: &str = "sider-sim-";
/// The lock. It appears in a directory when it is held.
const LOCK: &str = "lock";

/// See the module.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: TempDir,
    _lock: File,
}

impl Scratch {
    /// A new one.
    ///
    /// # Errors
    /// As the file system says.
    pub(super) fn new() -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::below(&std::env::temp_dir()) }
    }

    fn below(parent: &Path) -> io::Result<Self> {
        clear(parent);
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let (fresh, path) = (dir.path().join("fresh"), dir.path().join(LOCK));
        let lock = File::create(&fresh)?;
        lock.lock()?;
        std::fs::rename(fresh, path)?;
        Ok(Self { dir, _lock: lock })
    }

    /// Its path, which must not show in what is recorded: it differs from run to run.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Takes away what killed processes left. Others may be doing the same: what cannot be taken away is theirs.
fn clear(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let lock = File::open(entry.path().join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _gone = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_taken_away_and_what_runs_stays() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let left = parent.path().join("sider-sim-left");
        std::fs::create_dir(&left).expect("a directory");
        std::fs::write(left.join(LOCK), "").expect("a file");
        let other = parent.path().join("other");
        std::fs::create_dir(&other).expect("a directory");
        let one = Scratch::below(parent.path()).expect("a directory");
        let two = Scratch::below(parent.path()).expect("a directory");
        assert!(!left.exists());
        assert!(one.path().is_dir() && two.path().is_dir() && other.is_dir());
    }
}
