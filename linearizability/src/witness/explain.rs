//! Writes with unknown outcome that can explain a difference. Each is placed as late as possible: just before the first
//! answer that needs it.

use std::collections::BTreeMap;

use crate::history::{Row, Token};
use crate::lookup::Lookup;
use crate::script::{Act, Script};

/// The optional steps, by what they could explain; in the order of their calls.
#[derive(Debug, Default)]
pub(super) struct Optional {
    used: Vec<bool>,
    steps: Vec<u32>,
    registers: BTreeMap<u32, Vec<u32>>,
    removals: BTreeMap<u32, Vec<u32>>,
    wide_removals: BTreeMap<u32, Vec<u32>>,
    reports: BTreeMap<u32, Vec<u32>>,
    renewals: Vec<u32>,
    choices: Choices,
    /// Where in the order a reader sees a nonce first, and as what.
    seen: Lookup<Token, (u32, Row)>,
}

impl Optional {
    /// `optional` are positions of `script.steps`.
    pub(super) fn new(script: &Script, optional: Vec<u32>, choices: Choices) -> Self {
        let mut table = Self { used: vec![false; optional.len()], choices, ..Self::default() };
        for (number, &step) in optional.iter().enumerate() {
            let number = number as u32;
            match script.steps[step as usize].act {
                Act::Register(registration) => {
                    let registration = &script.registrations[registration as usize];
                    table.registers.entry(registration.cell).or_default().push(number);
                }
                Act::Deregister(cell) => table.removals.entry(cell).or_default().push(number),
                Act::DeregisterId(group) => {
                    for &cell in &script.groups[group as usize] {
                        table.wide_removals.entry(cell).or_default().push(number);
                    }
                }
                Act::Report(check, _) => table.reports.entry(check).or_default().push(number),
                Act::RenewMany(_) => table.renewals.push(number),
                Act::Read(_) | Act::List(_) => {}
            }
        }
        table.steps = optional;
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// A reader at `position` of the order sees `row`; positions grow.
    pub(super) fn note_seen(&mut self, row: &Row, position: u32) {
        self.seen.entry(row.nonce).or_insert((position, *row));
    }

    /// The row in which a reader sees `nonce` first.
    pub(super) fn seen_row(&self, nonce: Token) -> Option<Row> {
        self.seen.get(&nonce).map(|(_, row)| *row)
    }

    fn take(&mut self, number: u32) -> u32 {
        self.used[number as usize] = true;
        self.steps[number as usize]
    }

    /// Candidates that are not used and were called before line `until`.
    fn open<'a>(
        &'a self,
        script: &'a Script,
        list: Option<&'a Vec<u32>>,
        until: u32,
    ) -> impl Iterator<Item = u32> + 'a {
        list.into_iter().flatten().copied().filter(move |&number| {
            !self.used[number as usize] && script.steps[self.steps[number as usize] as usize].from < until
        })
    }

    /// Any registration of `cell`: the one that a reader sees first, unless told otherwise.
    pub(super) fn any_register(&mut self, script: &Script, cell: u32, until: u32) -> Option<u32> {
        let first_seen = |number: &u32| match script.steps[self.steps[*number as usize] as usize].act {
            Act::Register(registration) => {
                let nonce = script.registrations[registration as usize].fresh.nonce;
                self.seen.get(&nonce).map_or(u32::MAX, |(position, _)| *position)
            }
            _ => u32::MAX,
        };
        let mut found: Vec<u32> = self.open(script, self.registers.get(&cell), until).collect();
        found.sort_by_key(first_seen);
        self.choose(&found)
    }

    /// A deregistration that removes `cell`: one of this instance alone before one of its id everywhere.
    pub(super) fn removal(&mut self, script: &Script, cell: u32, until: u32) -> Option<u32> {
        let own = self.open(script, self.removals.get(&cell), until).next();
        let wide = self.open(script, self.wide_removals.get(&cell), until).next();
        let found: Vec<u32> = own.into_iter().chain(wide).collect();
        self.choose(&found)
    }

    /// Unused optional writes about `cell`, called before line `until`, that can lead to `nonce`: its registration, reports
    /// and renewals, one removal of each kind, and registrations whose statuses the next one may keep.
    pub(super) fn towards(&self, script: &Script, cell: u32, nonce: Token, until: u32) -> Vec<u32> {
        let mut own = Vec::new();
        let mut others = Vec::new();
        for number in self.open(script, self.registers.get(&cell), until) {
            let Act::Register(registration) = script.steps[self.steps[number as usize] as usize].act else { continue };
            let fresh = &script.registrations[registration as usize].fresh;
            if fresh.nonce == nonce {
                own.push(number);
            } else if !script.shapes[fresh.shape as usize].is_empty() {
                others.push(number);
            }
        }
        let holds = |check: &u32| script.checks[*check as usize].holders.contains(&cell);
        for (_, list) in self.reports.iter().filter(|(check, _)| holds(check)) {
            own.extend(self.open(script, Some(list), until));
        }
        own.extend(self.open(script, Some(&self.renewals), until));
        own.extend(self.open(script, self.removals.get(&cell), until).take(1));
        own.extend(self.open(script, self.wide_removals.get(&cell), until).take(1));
        own.extend(others);
        own.truncate(CANDIDATES_MAX);
        own
    }

    /// The step behind a candidate.
    pub(super) fn step(&self, number: u32) -> u32 {
        self.steps[number as usize]
    }

    /// Uses a candidate.
    pub(super) fn spend(&mut self, number: u32) -> u32 {
        self.take(number)
    }

    /// Whether an unused deregistration, called before line `until`, could remove `cell`.
    pub(super) fn may_remove(&self, script: &Script, cell: u32, until: u32) -> bool {
        let lists = [self.removals.get(&cell), self.wide_removals.get(&cell)];
        lists.into_iter().any(|list| self.open(script, list, until).next().is_some())
    }

    fn lists<'a>(&'a self, script: &'a Script, cell: u32) -> impl Iterator<Item = &'a Vec<u32>> {
        let holds = move |check: &u32| script.checks[*check as usize].holders.contains(&cell);
        let reports = self.reports.iter().filter(move |(check, _)| holds(check)).map(|(_, list)| list);
        let lists = [self.registers.get(&cell), self.removals.get(&cell), self.wide_removals.get(&cell)];
        let renewals = (!self.renewals.is_empty()).then_some(&self.renewals);
        lists.into_iter().flatten().chain(renewals).chain(reports)
    }

    fn choose(&mut self, found: &[u32]) -> Option<u32> {
        let chosen = self.choices.choose(found.len())?;
        Some(self.take(found[chosen]))
    }

    /// Chooses between `options` ways to go on that are no steps.
    pub(super) fn choose_way(&mut self, options: usize) -> usize {
        self.choices.choose(options).unwrap_or(0)
    }

    /// The choices that were made.
    pub(super) fn choices(&self) -> &Choices {
        &self.choices
    }

    /// Whether any optional write, used or not, is about `cell`.
    pub(super) fn concerns(&self, script: &Script, cell: u32) -> bool {
        self.lists(script, cell).next().is_some()
    }

    /// Whether an unused optional write, called before line `until`, could have changed `cell` unseen.
    pub(super) fn may_touch(&self, script: &Script, cell: u32, until: u32) -> bool {
        self.lists(script, cell).any(|list| self.open(script, Some(list), until).next().is_some())
    }
}

/// Candidates that are combined to explain one answer.
const CANDIDATES_MAX: usize = 12;

/// Options that one choice may have: more are not tried.
const OPTIONS_MAX: usize = 6;

/// Where several unknown writes explain an answer, one is chosen; if that leads nowhere, the next run chooses otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    prescribed: Vec<usize>,
    /// Chosen, and out of how many.
    made: Vec<(usize, usize)>,
}

impl Choices {
    fn choose(&mut self, options: usize) -> Option<usize> {
        if options < 2 {
            return options.checked_sub(1);
        }
        let chosen = self.prescribed.get(self.made.len()).copied().unwrap_or(0);
        self.made.push((chosen, options.min(OPTIONS_MAX)));
        Some(chosen)
    }

    /// The next combination: the last choice that has another option takes it, and what followed is open again.
    pub(super) fn next(&self) -> Option<Self> {
        let last = self.made.iter().rposition(|(chosen, options)| chosen + 1 < *options)?;
        let mut prescribed: Vec<usize> = self.made[..=last].iter().map(|(chosen, _)| *chosen).collect();
        prescribed[last] += 1;
        Some(Self { prescribed, made: Vec::new() })
    }
}
