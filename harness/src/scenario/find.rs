//! Scenario files by name or path.

use std::path::{Path, PathBuf};

use super::model::Scenario;
use super::parse::parse;
use super::reader::{ScenarioError, unknown};

/// The longest file.
const MAX_BYTES: u64 = 1 << 20;

/// A scenario and its file.
#[derive(Debug, Clone)]
pub struct Found {
    /// Name below the scenario directory, such as `regressions/same-term-restore`; or the path that was given.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub scenario: Scenario,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It does not parse.
    #[error(transparent)]
    Wrong(#[from] ScenarioError),
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No file of that name.
    #[error("{problem} (looked in {dir})")]
    Unknown {
        /// Which, and the nearest.
        problem: String,
        /// Where.
        dir: PathBuf,
    },
    /// A file that is not named after its scenario: `--seed` reports would name another.
    #[error("{path}: name is {name:?}, but the file is called {stem:?}: make them equal")]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// What it says.
        name: String,
        /// What it is called.
        stem: String,
    },
}

/// The scenario `name`: a path to a file, or a name below `dir`.
///
/// # Errors
/// It is not there, cannot be read, or is wrong.
pub fn find(dir: &Path, name: &str) -> Result<Found, FindError> {
    let direct = Path::new(name);
    if name.ends_with(".toml") && direct.is_file() {
        return load(direct, name.to_owned());
    }
    let names = names(dir)?;
    let below = || names.iter().find(|id| id.rsplit('/').next() == Some(name));
    if let Some(id) = names.iter().find(|id| *id == name).or_else(below) {
        return load(&dir.join(format!("{id}.toml")), id.clone());
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(FindError::Unknown { problem: unknown("scenario", name, &known), dir: dir.to_owned() })
}

/// All scenarios below `dir`, in order of their names.
///
/// # Errors
/// The first that cannot be read or is wrong.
pub fn list(dir: &Path) -> Result<Vec<Found>, FindError> {
    names(dir)?.into_iter().map(|id| load(&dir.join(format!("{id}.toml")), id)).collect()
}

fn load(path: &Path, id: String) -> Result<Found, FindError> {
    let io = |source| FindError::Io { path: path.to_owned(), source };
    let text = read(path).map_err(io)?;
    let scenario = parse(&path.display().to_string(), &text)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if stem != scenario.name && stem != "scenario" {
        return Err(FindError::Misnamed { path: path.to_owned(), name: scenario.name, stem });
    }
    Ok(Found { id, path: path.to_owned(), scenario })
}

/// A file, of a size that somebody could have written: what is a pipe or endless would be read for ever.
fn read(path: &Path) -> std::io::Result<String> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() || about.len() > MAX_BYTES {
        let problem = format!("a scenario is a file of at most {MAX_BYTES} bytes");
        return Err(std::io::Error::other(problem));
    }
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        std::io::Error::other(format!("line {line} is no UTF-8"))
    })
}

/// Names of the files below `dir`. Links to directories are not followed: they can lead in circles.
fn names(dir: &Path) -> Result<Vec<String>, FindError> {
    let mut names = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        let io = |source| FindError::Io { path: at.clone(), source };
        for entry in std::fs::read_dir(&at).map_err(io)? {
            let entry = entry.map_err(io)?;
            let path = entry.path();
            if entry.file_type().map_err(io)?.is_dir() {
                open.push(path);
            } else if !path.is_dir() && path.extension().is_some_and(|extension| extension == "toml") {
                let below = path.strip_prefix(dir).unwrap_or(&path).with_extension("");
                names.push(below.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"x\"\nabout = \"y\"\n[[workload]]\nkind = \"registry\"\n[phases]\nrun = \"5s\"\n[expect]\nmin = { reads = 1 }\n";

    #[test]
    fn a_name_is_itself_before_it_is_the_end_of_another_and_links_in_circles_end() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(dir.path().join("a")).expect("a directory");
        for file in ["x.toml", "a/x.toml"] {
            std::fs::write(dir.path().join(file), TEXT).expect("a file");
        }
        for link in ["a/one", "a/two"] {
            std::os::unix::fs::symlink(dir.path(), dir.path().join(link)).expect("a link");
        }
        assert_eq!(find(dir.path(), "x").expect("it is there").id, "x");
        assert_eq!(list(dir.path()).expect("two files").len(), 2);
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_an_error() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("x.toml");
        std::fs::write(&path, b"name = \"x\"\nabout = \"\xff\"\n").expect("a file");
        let error = find(dir.path(), "x").expect_err("no UTF-8").to_string();
        assert!(error.ends_with("line 2 is no UTF-8"), "{error}");
        std::fs::remove_file(&path).expect("it was there");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert!(find(dir.path(), "x").expect_err("endless").to_string().contains("a scenario is a file"));
    }
}
