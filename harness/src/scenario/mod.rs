//! Scenario files: what they say, and the errors of those who write them. The format stands in `scenarios/README.md`.
//!
//! | room | what |
//! |---|---|
//! | [`model`] | a scenario, parsed |
//! | `reader` | TOML values with line, key and nearest right name |
//! | `parse` | the tables of a scenario |
//! | `faults` | the tables of its faults |
//! | `find` | files by name |

mod faults;
mod find;
pub mod model;
mod parse;
mod reader;

pub use find::{FindError, Found, find, list};
pub use model::Scenario;
pub use parse::{COVERAGE, parse};
pub use reader::ScenarioError;

#[cfg(test)]
mod tests;
