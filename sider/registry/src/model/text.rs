//! Rules for free text: tags, meta, check names, output.

use super::Invalid;
use crate::limits;

/// Text of `min` to `max` bytes without control characters.
pub(super) fn bounded(field: &str, text: &str, min: usize, max: usize) -> Result<(), Invalid> {
    if !(min..=max).contains(&text.len()) {
        return Err(Invalid::new(field, format!("has {} bytes; {min} to {max} are allowed", text.len())));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(Invalid::new(field, format!("holds the control character {c:?}; printable text is expected"))),
        None => Ok(()),
    }
}

/// A check's output as it is kept: at most [`limits::OUTPUT_LEN_MAX`] bytes, cut between two characters.
#[must_use]
pub fn cut_output(output: &str) -> &str {
    &output[..output.floor_char_boundary(limits::OUTPUT_LEN_MAX)]
}
