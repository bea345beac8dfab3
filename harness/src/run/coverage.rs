//! What a run has covered: counted from facts and from what clients did. A run that covered less than its scenario asks for
//! is vacuous, not passed.

use std::collections::BTreeMap;

use crate::nemesis::view::View;
use crate::record::facts::{Fact, FactKind};
use crate::scenario::COVERAGE;
use crate::scenario::model::Expect;

/// Counters by name; the names are those of [`COVERAGE`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(pub BTreeMap<String, u64>);

/// Counts from facts.
#[derive(Debug, Default)]
pub struct Counter {
    expired_to: u64,
    expiries: u64,
    installs: u64,
}

impl Counter {
    /// Looks at a fact. An entry that several servers apply counts once.
    pub fn observe(&mut self, fact: &Fact) {
        let (log, kind) = match &fact.kind {
            FactKind::Applied { log, kind, .. } => (log, kind),
            FactKind::NewCluster => {
                self.expired_to = 0;
                return;
            }
            _ => return,
        };
        match kind.as_str() {
            "expire" if *log > self.expired_to => {
                self.expired_to = *log;
                self.expiries += 1;
            }
            "install" => self.installs += 1,
            _ => {}
        }
    }

    /// Everything together; `deposed` reads were asked of a server that still thought it led, `stopped` servers ended
    /// by themselves.
    #[must_use]
    pub fn finish(&self, counts: &BTreeMap<&'static str, u64>, view: &View, deposed: u64, stopped: u64) -> Coverage {
        let mut coverage: BTreeMap<String, u64> = COVERAGE.iter().map(|(name, _)| ((*name).to_owned(), 0)).collect();
        for (name, count) in counts {
            coverage.insert((*name).to_owned(), *count);
        }
        coverage.insert("leader_changes".into(), view.terms_led().saturating_sub(1));
        coverage.insert("expiries".into(), self.expiries);
        coverage.insert("snapshots_installed".into(), self.installs);
        coverage.insert("deposed_reads".into(), deposed);
        coverage.insert("stopped_servers".into(), stopped);
        Coverage(coverage)
    }
}

impl Coverage {
    /// What `expect` asks for and was not reached: name, reached, wanted.
    #[must_use]
    pub fn missing(&self, expect: &Expect) -> Vec<(String, u64, u64)> {
        let reached = |name: &String| self.0.get(name).copied().unwrap_or(0);
        let short = |(name, wanted): (&String, &u64)| {
            let reached = reached(name);
            (reached < *wanted).then(|| (name.clone(), reached, *wanted))
        };
        expect.min.iter().filter_map(short).collect()
    }
}
