//! One exhaustive check of one model, and what came out. Knows nothing of any model.

use std::fmt;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use stateright::report::{ReportData, ReportDiscovery, Reporter};
use stateright::{Checker as _, Expectation, HasDiscoveries, Model};

/// What an exhaustive search found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// States generated, repeats among them.
    pub generated: usize,
    /// Different states.
    pub unique: usize,
    /// Steps of the longest shortest path.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Threads that searched.
    pub threads: usize,
    /// The first property that does not hold; the search ended there. Shortest with one thread.
    pub failure: Option<Failure>,
    /// Situations that the model must reach and did not: a model that reaches nothing proves nothing.
    pub unreached: Vec<&'static str>,
}

/// A property that does not hold, and how to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name: ids of the specification, then the sentence.
    pub property: &'static str,
    /// One line for each step.
    pub steps: Vec<String>,
}

impl Findings {
    /// Every property holds in every state, and every situation was reached.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.failure.is_none() && self.unreached.is_empty()
    }

    /// Generated states by second and thread.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.generated as f64 / self.took.as_secs_f64().max(f64::EPSILON) / self.threads as f64
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} states generated, {} unique, depth {}, {:.2} s, {:.0} states/s/thread",
            self.generated,
            self.unique,
            self.depth,
            self.took.as_secs_f64(),
            self.speed(),
        )?;
        if let Some(failure) = &self.failure {
            writeln!(f, "violated: {} ({} steps)", failure.property, failure.steps.len())?;
            for (n, step) in failure.steps.iter().enumerate() {
                writeln!(f, "{:>4}. {step}", n + 1)?;
            }
            return Ok(());
        }
        for situation in &self.unreached {
            writeln!(f, "vacuous: never reached: {situation}")?;
        }
        if self.hold() { writeln!(f, "holds in every state") } else { Ok(()) }
    }
}

/// Visits every state of the model, breadth first, until all are visited or a property does not hold; then looks for a
/// shorter way to break one, until there is none. Calls `progress` ten times a second.
pub fn check<M>(model: impl Fn() -> M, threads: usize, mut progress: impl FnMut(&ReportData) + Send) -> Findings
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let mut findings = search(model(), threads, None, &mut progress);
    // The search takes states in blocks, so the first failure found may be a few steps longer than the shortest.
    while let Some(failure) = &findings.failure {
        let shorter = search(model(), threads, Some(failure.steps.len() + 1), &mut progress);
        if shorter.failure.is_none() {
            break;
        }
        findings = shorter;
    }
    findings
}

/// One search, of paths of less than `deepest` states if that is given.
fn search<M>(
    model: M,
    threads: usize,
    deepest: Option<usize>,
    progress: &mut (impl FnMut(&ReportData) + Send),
) -> Findings
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let mut meter = Meter { progress, took: Duration::ZERO };
    // Any failure ends the search: else later, longer counter-examples replace the first one.
    let mut builder = model.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
    if let Some(deepest) = deepest {
        builder = builder.target_max_depth(deepest);
    }
    let done = builder.spawn_bfs().join_and_report(&mut meter);
    let mut failure = None;
    let mut unreached = Vec::new();
    for property in done.model().properties() {
        match (property.expectation, done.discovery(property.name)) {
            (Expectation::Sometimes, None) => unreached.push(property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => {
                let actions = path.into_actions();
                let steps = actions.iter().map(|action| done.model().format_action(action)).collect();
                failure.get_or_insert(Failure { property: property.name, steps });
            }
        }
    }
    Findings {
        generated: done.state_count(),
        unique: done.unique_state_count(),
        depth: done.max_depth(),
        took: meter.took,
        threads,
        failure,
        unreached,
    }
}

/// Passes progress on and keeps the time.
struct Meter<F> {
    progress: F,
    took: Duration,
}

impl<M: Model, F: FnMut(&ReportData)> Reporter<M> for Meter<F> {
    fn report_checking(&mut self, data: ReportData) {
        self.took = data.duration;
        (self.progress)(&data);
    }

    fn report_discoveries(
        &mut self,
        _model: &M,
        _discoveries: std::collections::BTreeMap<&'static str, ReportDiscovery<M>>,
    ) where
        M::Action: Debug + PartialEq,
        M::State: Debug + Hash + PartialEq,
    {
    }

    /// The search ends with the report that is under way, so a short one must not wait for long.
    fn delay(&self) -> Duration {
        Duration::from_millis(100)
    }
}
