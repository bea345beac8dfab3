//! Where an agent's memory is kept over a restart: a directory in production, a shared cell in simulation.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sider_client::seam::BoxFuture;
use tokio::sync::oneshot;

use crate::limits;

/// Keeps one blob.
pub trait Store: Send + 'static {
    /// What was saved last.
    ///
    /// # Errors
    /// It is there but cannot be read.
    fn load(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Keeps `blob` in the place of what was there: after a crash either is there, whole. Called again only when the
    /// save before is over. Fails as the operating system says.
    fn save(&mut self, blob: Vec<u8>) -> BoxFuture<'static, io::Result<()>>;
    /// Moves what is there out of the way, for a person to look at.
    ///
    /// # Errors
    /// As the operating system says.
    fn set_aside(&mut self) -> io::Result<()>;
}

/// A directory, held by one agent at a time. A thread of its own writes: a disk that hangs must not keep the agent from
/// renewing what depends on it.
#[derive(Debug)]
pub struct DirStore {
    dir: PathBuf,
    writer: SyncSender<Save>,
    /// Its lock ends with the process.
    _lock: File,
}

/// One blob for the writer, and where it says how it went.
type Save = (Vec<u8>, oneshot::Sender<io::Result<()>>);

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
            Ok(()) => {
                let (writer, saves) = sync_channel(1);
                let held = dir.to_owned();
                thread::Builder::new().name("memory".into()).spawn(move || write_all(&held, &saves)).map_err(named)?;
                Ok(Self { dir: dir.to_owned(), writer, _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                Err(named(io::Error::other("another sds-agent holds it; give each agent its own data_dir")))
            }
            Err(TryLockError::Error(error)) => Err(named(error)),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }
}

const FILE: &str = "memory.json";

/// The writer's life: it ends with the store.
fn write_all(dir: &Path, saves: &Receiver<Save>) {
    while let Ok((blob, tell)) = saves.recv() {
        // Nobody listens when the agent has ended meanwhile.
        let _ = tell.send(write(dir, &blob));
    }
}

fn write(dir: &Path, blob: &[u8]) -> io::Result<()> {
    let new = dir.join("memory.json.new");
    let mut file = File::create(&new)?;
    file.write_all(blob)?;
    file.sync_all()?;
    fs::rename(new, dir.join(FILE))
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

    fn save(&mut self, blob: Vec<u8>) -> BoxFuture<'static, io::Result<()>> {
        let (tell, told) = oneshot::channel();
        let given = self.writer.try_send((blob, tell));
        Box::pin(async move {
            given.map_err(|_| io::Error::other("the writer is busy or has ended"))?;
            told.await.unwrap_or_else(|_| Err(io::Error::other("the writer has ended")))
        })
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

    fn save(&mut self, blob: Vec<u8>) -> BoxFuture<'static, io::Result<()>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(blob);
        Box::pin(std::future::ready(Ok(())))
    }

    fn set_aside(&mut self) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
