//! The registry of passes: each looks at the whole run and says what it found. One line a pass.

use crate::history::{History, Run};
use crate::judge::Options;
use crate::linear;
use crate::reads::{self, Bounds, Evidence, Notes};
use crate::replicas;
use crate::ttl;
use crate::verdict::Findings;
use crate::watch;

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
pub const PASSES: &[Pass] = &[linear::check, answers];

/// Reads, polls, TTLs and replicas: all that is judged from the indices that the servers claim. Public, so that it can be
/// run without the search for an order.
pub fn answers(context: &Context<'_>, findings: &mut Findings) {
    if context.options.black_box || context.options.only_linear {
        return;
    }
    let evidence = Evidence::arrange(context.run, Bounds::default());
    let mut notes = Notes::new(findings);
    reads::check(&evidence, &mut notes);
    watch::check(&evidence, &mut notes);
    ttl::check(&evidence, &mut notes);
    replicas::check(&evidence, &mut notes);
}
