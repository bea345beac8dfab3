//! How the passes over answers write down what they found: proofs, and in how many cases a property could have failed.
//! Bounded: one proof is enough, and a thousand copies of it help nobody.

use std::collections::BTreeMap;

use crate::verdict::{Evidence, Findings, Property, VIOLATIONS_KEPT, Violation};

/// Where one pass writes.
pub(crate) struct Notes<'f> {
    findings: &'f mut Findings,
    kept: BTreeMap<Property, usize>,
}

impl<'f> Notes<'f> {
    pub(crate) fn new(findings: &'f mut Findings) -> Self {
        Self { findings, kept: BTreeMap::new() }
    }

    /// `cases` more cases in which `property` could have failed were looked at.
    pub(crate) fn judged(&mut self, property: Property, cases: usize) {
        if cases > 0 {
            self.findings.checked(property, cases as u64);
        }
    }

    /// `property` failed, as `calls` prove (positions in the history, in the order in which to read them). `say` gives
    /// one sentence that names what went wrong, and the lines that say why it follows.
    pub(crate) fn breach(&mut self, property: Property, calls: &[u32], say: impl FnOnce() -> (String, Vec<String>)) {
        self.breach_with(property, || calls.iter().map(|call| Evidence::Call(*call)).collect(), say);
    }

    /// The same with any evidence.
    pub(crate) fn breach_with(
        &mut self,
        property: Property,
        evidence: impl FnOnce() -> Vec<Evidence>,
        say: impl FnOnce() -> (String, Vec<String>),
    ) {
        let kept = self.kept.entry(property).or_default();
        if *kept < VIOLATIONS_KEPT {
            *kept += 1;
            let (summary, explanation) = say();
            self.findings.violated(Violation { property, summary, evidence: evidence(), explanation });
        }
    }
}
