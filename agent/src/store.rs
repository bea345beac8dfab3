//! Where an agent's memory is kept over a restart: a directory in production, a shared cell in simulation.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits;

/// Keeps one blob.
pub trait Store: Send + 'static {
    /// What was saved last.
    ///
    /// # Errors
    /// It is there but cannot be read.
    fn load(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Keeps `blob` in the place of what was there: after a crash either is there, whole.
    ///
    /// # Errors
    /// As the operating system says.
    fn save(&mut self, blob: &[u8]) -> io::Result<()>;
    /// Moves what is there out of the way, for a person to look at.
    ///
    /// # Errors
    /// As the operating system says.
    fn set_aside(&mut self) -> io::Result<()>;
}

/// A directory, held by one agent at a time.
#[derive(Debug)]
pub struct DirStore {
    dir: PathBuf,
    /// Its lock ends with the process.
    _lock: File,
}

impl DirStore {
    /// Opens `dir`, and makes it when it is not there.
    ///
    /// # Errors
    /// It cannot be written, or another agent holds it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("data directory {}: {error}", dir.display()));
        fs::create_dir_all(dir).map_err(named)?;
        let lock = File::create(dir.join("lock")).map_err(named)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(named(io::Error::other("another sds-agent holds it; give each agent its own data_dir")))
            }
            Err(TryLockError::Error(error)) => Err(named(error)),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("memory.json")
    }
}

impl Store for DirStore {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        match fs::metadata(self.path()) {
            Ok(found) if found.len() > limits::MEMORY_LEN_MAX => {
                Err(io::Error::other(format!("{} has {} bytes", self.path().display(), found.len())))
            }
            Ok(_) => fs::read(self.path()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&mut self, blob: &[u8]) -> io::Result<()> {
        let new = self.dir.join("memory.json.new");
        let mut file = File::create(&new)?;
        file.write_all(blob)?;
        file.sync_all()?;
        fs::rename(new, self.path())
    }

    fn set_aside(&mut self) -> io::Result<()> {
        fs::rename(self.path(), self.dir.join("memory.json.damaged"))
    }
}

/// A cell that outlives the agent: clones share it. For simulation, and for an agent without a data directory.
#[derive(Debug, Clone, Default)]
pub struct CellStore(Arc<Mutex<Option<Vec<u8>>>>);

impl Store for CellStore {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&mut self, blob: &[u8]) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(blob.to_vec());
        Ok(())
    }

    fn set_aside(&mut self) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
