//! Every registry that some log can lead to: the production `apply`, followed once for each command in each state.
//!
//! The registry is a function of the log, so a model's state names a registry by a number and stays small. What the
//! number stands for, the registry, the events and what readers see, is what production code made. Knows nothing of
//! servers, watches or deadlines.

use sider_registry::command::Event;
use sider_registry::model::Index;
use sider_registry::{Command, Registry, Request, snapshot};

/// A registry of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u16);

/// A command of the alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u8);

/// One applied command.
#[derive(Debug, Clone)]
pub struct Step {
    /// The registry after it: the same one if the command changed nothing.
    pub to: Moment,
    /// What it told watches and deadlines.
    pub events: Vec<Event>,
}

/// The registries that words of an alphabet lead to, from a first one up to a highest Index.
#[derive(Debug)]
pub struct Graph {
    registries: Vec<Registry>,
    /// By moment and word; none where the Index would pass the bound.
    steps: Vec<Vec<Option<Step>>>,
    words: u8,
}

impl Graph {
    /// Applies each command in each registry that can be reached from `first` with an Index of at most `last`.
    ///
    /// # Panics
    /// A registry does not survive its own snapshot (REP-3), or there are too many to number.
    #[must_use]
    pub fn explore(first: Registry, alphabet: &[Command], last: Index) -> Self {
        let words = u8::try_from(alphabet.len()).expect("an alphabet is small");
        let mut graph = Self { registries: Vec::new(), steps: Vec::new(), words };
        graph.number(first);
        // Registries are numbered as they are found, so this reaches those that the loop itself finds.
        while graph.steps.len() < graph.registries.len() {
            let from = graph.steps.len();
            let steps = alphabet.iter().map(|command| graph.step_from(from, command, last)).collect();
            graph.steps.push(steps);
        }
        graph
    }

    fn step_from(&mut self, from: usize, command: &Command, last: Index) -> Option<Step> {
        let mut registry = self.registries[from].clone();
        let request = Request { command: command.clone(), key: None, at: sider_registry::model::Timestamp(0) };
        let applied = registry.apply(&request);
        if registry.index() > last {
            return None;
        }
        let unchanged = registry == self.registries[from];
        assert_eq!(
            unchanged,
            applied.events.is_empty(),
            "events tell of changes, of every change, and of nothing else"
        );
        Some(Step { to: self.number(registry), events: applied.events })
    }

    fn number(&mut self, registry: Registry) -> Moment {
        let hash = registry.state_hash();
        let known = self.registries.iter().position(|known| known.state_hash() == hash && *known == registry);
        let at = known.unwrap_or_else(|| {
            let restored =
                snapshot::decode(&snapshot::encode(&registry)).expect("a snapshot that was just made is whole");
            assert!(restored == registry && restored.state_hash() == hash, "a registry survives its snapshot (REP-3)");
            self.registries.push(restored);
            self.registries.len() - 1
        });
        Moment(u16::try_from(at).expect("the alphabet and the bound keep the graph small"))
    }

    /// Where every log begins.
    #[must_use]
    pub fn first(&self) -> Moment {
        Moment(0)
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self, moment: Moment) -> &Registry {
        &self.registries[usize::from(moment.0)]
    }

    /// What a command does there; none at the bound of the graph.
    #[must_use]
    pub fn step(&self, moment: Moment, word: Word) -> Option<&Step> {
        self.steps[usize::from(moment.0)][usize::from(word.0)].as_ref()
    }

    /// The alphabet.
    pub fn words(&self) -> impl Iterator<Item = Word> + use<> {
        (0..self.words).map(Word)
    }

    /// What `look` sees in each registry, looked up once.
    #[must_use]
    pub fn by_moment<T>(&self, look: impl Fn(&Registry) -> T) -> ByMoment<T> {
        ByMoment(self.registries.iter().map(look).collect())
    }

    /// For each moment the number of what `look` sees there: equal numbers, equal views.
    #[must_use]
    pub fn views<T: PartialEq>(&self, look: impl Fn(&Registry) -> T) -> ByMoment<View> {
        let mut seen: Vec<T> = Vec::new();
        let of = self.registries.iter().map(|registry| {
            let view = look(registry);
            let at = seen.iter().position(|known| *known == view).unwrap_or_else(|| {
                seen.push(view);
                seen.len() - 1
            });
            View(u16::try_from(at).expect("there are no more views than registries"))
        });
        ByMoment(of.collect())
    }
}

/// Something of each registry.
#[derive(Debug)]
pub struct ByMoment<T>(Vec<T>);

impl<T: Copy> ByMoment<T> {
    /// That of this one.
    #[must_use]
    pub fn at(&self, moment: Moment) -> T {
        self.0[usize::from(moment.0)]
    }
}

/// A body, whole: equal if and only if every field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View(u16);
