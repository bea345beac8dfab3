//! The report for people and for machines. Knows how to say things, not how to find them.

pub mod describe;
mod json;
mod text;
mod visible;

pub use json::to_json;
pub use text::to_text;
pub(crate) use visible::visible;
