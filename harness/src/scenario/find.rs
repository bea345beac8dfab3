//! Scenario files by name or path.

use std::path::{Path, PathBuf};

use super::model::Scenario;
use super::parse::parse;
use super::reader::{ScenarioError, unknown};

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
    if let Some(id) = names.iter().find(|id| *id == name || id.rsplit('/').next() == Some(name)) {
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
    let text = std::fs::read_to_string(path).map_err(io)?;
    let scenario = parse(&path.display().to_string(), &text)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if stem != scenario.name && stem != "scenario" {
        return Err(FindError::Misnamed { path: path.to_owned(), name: scenario.name, stem });
    }
    Ok(Found { id, path: path.to_owned(), scenario })
}

fn names(dir: &Path) -> Result<Vec<String>, FindError> {
    let mut names = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        let io = |source| FindError::Io { path: at.clone(), source };
        for entry in std::fs::read_dir(&at).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                let below = path.strip_prefix(dir).unwrap_or(&path).with_extension("");
                names.push(below.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}
