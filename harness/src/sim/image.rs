//! LMDB's data file as the disk would have it after a loss of power.
//!
//! A commit of LMDB writes pages that the last committed state does not use, then one of two meta pages; the newer meta
//! page names the state. Until the next commit the last state's pages are untouched. The loss of a commit that was not
//! synced is therefore exactly the two meta pages of the moment before it (LMDB, `mdb.c`, "Meta pages").

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Length of a page: the operating system's.
const PAGE: usize = 4096;

/// The two meta pages.
#[derive(Debug, Clone)]
pub struct Metas(Vec<u8>);

/// The data file of one environment.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    /// Open only between two starts of the server: a new file has another inode.
    file: Option<File>,
}

impl Image {
    /// The data file in `dir`, which may not exist yet.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("data.mdb"), file: None }
    }

    /// The meta pages as they are, in the room of older ones.
    ///
    /// # Errors
    /// The file is not there or shorter than two pages.
    pub fn metas(&mut self, room: Option<Metas>) -> io::Result<Metas> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::options().read(true).write(true).open(&self.path)?),
        };
        let mut metas = room.unwrap_or_else(|| Metas(vec![0; 2 * PAGE]));
        file.read_exact_at(&mut metas.0, 0)?;
        Ok(metas)
    }

    /// Goes back to the state that `metas` name. The environment must be closed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn go_back_to(&mut self, metas: &Metas) -> io::Result<()> {
        self.file = None;
        File::options().write(true).open(&self.path)?.write_all_at(&metas.0, 0)
    }

    /// The whole file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn copy(&self) -> io::Result<Vec<u8>> {
        std::fs::read(&self.path)
    }

    /// The whole file with `metas` in place of its meta pages: the state that they name, while it is still there.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than its meta pages.
    pub fn copy_with(&self, metas: &Metas) -> io::Result<Vec<u8>> {
        let mut bytes = self.copy()?;
        let head = bytes.get_mut(..metas.0.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        head.copy_from_slice(&metas.0);
        Ok(bytes)
    }

    /// Puts an older file in place of this one. The environment must be closed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file = None;
        std::fs::write(&self.path, bytes)
    }

    /// Flips one bit of every copy of one stored nonce, chosen by `pick`: of a log record or a snapshot, never of
    /// LMDB's own structure, which has no checksum and would take the process down. The environment must be closed.
    ///
    /// Answers the place in the file, or none if it holds no nonce.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn flip_stored_byte(&mut self, pick: impl FnOnce(usize) -> usize) -> io::Result<Option<u64>> {
        const NONCE: &[u8] = b"nonce";
        const LEN: usize = 12;
        let mut bytes = self.copy()?;
        let last = bytes.len().saturating_sub(NONCE.len() + LEN);
        let places: Vec<usize> = (0..last).filter(|at| bytes[*at..].starts_with(NONCE)).collect();
        if places.is_empty() {
            return Ok(None);
        }
        let chosen = places[pick(places.len() - 1)];
        let pattern = bytes[chosen..chosen + NONCE.len() + LEN].to_vec();
        for at in places {
            if bytes[at..at + pattern.len()] == pattern[..] {
                // The byte after the key and the string's length: the first digit of the nonce.
                bytes[at + NONCE.len() + 1] ^= 0x04;
            }
        }
        self.replace(&bytes)?;
        Ok(Some(chosen as u64))
    }

    /// Forgets the open file: the directory is about to be emptied or made anew.
    pub fn forget(&mut self) {
        self.file = None;
    }
}
