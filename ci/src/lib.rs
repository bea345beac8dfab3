//! Rules of the house that a machine can check; the tests check them on the whole workspace.
//!
//! | room | what it checks |
//! |---|---|
//! | [`source`] | length of files and functions, banned words |
//! | [`manifest`] | who depends on whom |

pub mod manifest;
pub mod source;

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The workspace's root.
#[must_use]
pub fn root() -> PathBuf {
    let ci = Path::new(env!("CARGO_MANIFEST_DIR"));
    ci.parent().unwrap_or(ci).to_path_buf()
}

/// Every file under `dir` whose name ends in `.extension`, in order of the paths. Build output and hidden directories
/// are left out.
///
/// # Errors
/// A directory cannot be read.
pub fn files(dir: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != "third_party" && !name.starts_with('.') {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|of| of == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
