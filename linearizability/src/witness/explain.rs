//! Writes with unknown outcome that can explain a difference. Each is placed as late as possible: just before the first
//! answer that needs it.

use std::collections::BTreeMap;

use crate::history::{Status, Token};
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
    /// Nonces of optional registrations and where in the order a reader sees them first.
    seen_at: BTreeMap<Token, u32>,
}

impl Optional {
    /// `optional` are positions of `script.steps`.
    pub(super) fn new(script: &Script, optional: Vec<u32>) -> Self {
        let mut table = Self { used: vec![false; optional.len()], ..Self::default() };
        for (number, &step) in optional.iter().enumerate() {
            let number = number as u32;
            match script.steps[step as usize].act {
                Act::Register(registration) => {
                    let registration = &script.registrations[registration as usize];
                    table.registers.entry(registration.cell).or_default().push(number);
                    table.seen_at.insert(registration.fresh.nonce, u32::MAX);
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

    /// A reader at `position` of the order sees `nonce`.
    pub(super) fn note_seen(&mut self, nonce: Token, position: u32) {
        if let Some(first) = self.seen_at.get_mut(&nonce) {
            *first = (*first).min(position);
        }
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

    /// A registration of `cell` with `nonce`, called before line `until`.
    pub(super) fn register(&mut self, script: &Script, cell: u32, nonce: Token, until: u32) -> Option<u32> {
        let named = |number: &u32| match script.steps[self.steps[*number as usize] as usize].act {
            Act::Register(registration) => script.registrations[registration as usize].fresh.nonce == nonce,
            _ => false,
        };
        let found = self.open(script, self.registers.get(&cell), until).find(named)?;
        Some(self.take(found))
    }

    /// Any registration of `cell`: the one that a reader sees first. The flag says that there was a choice.
    pub(super) fn any_register(&mut self, script: &Script, cell: u32, until: u32) -> Option<(u32, bool)> {
        let first_seen = |number: &u32| match script.steps[self.steps[*number as usize] as usize].act {
            Act::Register(registration) => {
                self.seen_at.get(&script.registrations[registration as usize].fresh.nonce).copied().unwrap_or(u32::MAX)
            }
            _ => u32::MAX,
        };
        let found = self.open(script, self.registers.get(&cell), until).min_by_key(first_seen)?;
        let choice = self.open(script, self.registers.get(&cell), until).nth(1).is_some();
        Some((self.take(found), choice))
    }

    /// A deregistration that removes `cell`: one of this instance alone before one of its id everywhere.
    pub(super) fn removal(&mut self, script: &Script, cell: u32, until: u32) -> Option<(u32, bool)> {
        let own = self.open(script, self.removals.get(&cell), until).next();
        let wide = self.open(script, self.wide_removals.get(&cell), until).next();
        let found = own.or(wide)?;
        Some((self.take(found), own.is_some() && wide.is_some()))
    }

    /// A report of `status` on `check`, or a renewal that includes it.
    pub(super) fn report(&mut self, script: &Script, check: u32, status: Status, until: u32) -> Option<(u32, bool)> {
        let says = |number: &u32| script.steps[self.steps[*number as usize] as usize].act == Act::Report(check, status);
        let own = self.open(script, self.reports.get(&check), until).find(says);
        let includes = |number: &u32| match script.steps[self.steps[*number as usize] as usize].act {
            Act::RenewMany(renewal) => {
                script.renewals[renewal as usize].checks.iter().any(|(renewed, _)| *renewed == check)
            }
            _ => false,
        };
        let renews = status == Status::Passing;
        let wide = self.open(script, Some(&self.renewals), until).filter(|_| renews).find(includes);
        let found = own.or(wide)?;
        Some((self.take(found), own.is_some() && wide.is_some()))
    }

    /// Whether an unused optional write, called before line `until`, could have changed `cell` unseen.
    pub(super) fn may_touch(&self, script: &Script, cell: u32, until: u32) -> bool {
        let lists =
            [self.registers.get(&cell), self.removals.get(&cell), self.wide_removals.get(&cell), Some(&self.renewals)];
        lists.into_iter().any(|list| self.open(script, list, until).next().is_some())
            || self.reports.iter().any(|(check, list)| {
                script.checks[*check as usize].holders.contains(&cell)
                    && self.open(script, Some(list), until).next().is_some()
            })
    }
}
