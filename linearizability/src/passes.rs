//! The registry of passes: each looks at the whole run and says what it found. One line a pass.

use crate::history::{History, Run};
use crate::judge::Options;
use crate::verdict::Findings;

/// What a pass may look at.
pub struct Context<'a> {
    pub run: &'a Run,
    pub options: &'a Options,
}

impl<'a> Context<'a> {
    /// The history of the run.
    pub fn history(&self) -> &'a History {
        &self.run.history
    }
}

/// A pass: reads the context, adds to the findings.
pub type Pass = fn(&Context<'_>, &mut Findings);

/// All passes, in the order in which they run.
pub const PASSES: &[Pass] = &[];
