//! Calls that share an idempotency key: one logical write.

use crate::history::{Call, Operation, Outcome, Token};
use crate::lookup::Lookup;

use super::Need;

/// Bits of the filter for each call, and in all: 1 MiB stays in a core's cache.
const FILTER_BITS_EACH: usize = 16;
const FILTER_BITS_MAX: usize = 1 << 23;

/// Nearly every key occurs once. A filter of bits (Bloom, CACM 1970: three bits a key, all in one word) finds the few that
/// may not, so that no table of all keys is needed.
struct SeenKeys {
    filter: Vec<u64>,
    keyed: Vec<(Token, u32)>,
    /// Keys that occurred before, perhaps.
    repeated: Vec<Token>,
}

impl SeenKeys {
    fn new(calls: usize) -> Self {
        let bits = (calls * FILTER_BITS_EACH).next_power_of_two().clamp(64, FILTER_BITS_MAX);
        Self { filter: vec![0; bits / 64], keyed: Vec::new(), repeated: Vec::new() }
    }

    #[inline]
    fn note(&mut self, position: u32, key: Token) {
        if key.is_none() {
            return;
        }
        let (word, mask) = self.place(key);
        if self.filter[word] & mask == mask {
            self.repeated.push(key);
        }
        self.filter[word] |= mask;
        self.keyed.push((key, position));
    }

    /// The word of the filter that belongs to a key, and its bits there.
    #[inline]
    fn place(&self, key: Token) -> (usize, u64) {
        let hash = crate::lookup::fold(key.bits(), 0x9e37_79b9_7f4a_7c15);
        let bit = |shift: u32| 1_u64 << (hash >> shift & 63);
        ((hash >> 32) as usize & (self.filter.len() - 1), bit(0) | bit(6) | bit(12))
    }

    /// The calls whose key may occur again or may have occurred before, in their order.
    fn suspects(mut self) -> impl Iterator<Item = (Token, u32)> {
        self.filter.fill(0);
        for key in std::mem::take(&mut self.repeated) {
            let (word, mask) = self.place(key);
            self.filter[word] |= mask;
        }
        let keyed = std::mem::take(&mut self.keyed);
        keyed.into_iter().filter(move |(key, _)| {
            let (word, mask) = self.place(*key);
            self.filter[word] & mask == mask
        })
    }
}

/// Calls that share an idempotency key.
#[derive(Default)]
pub(super) struct Keys {
    groups: Vec<KeyGroup>,
    of: Lookup<u32, u32>,
    /// The calls in groups.
    pub(super) positions: Vec<u32>,
    /// (This call, the first call with its key.)
    pub(super) retries: Vec<(u32, u32)>,
}

pub(super) struct KeyGroup {
    first: u32,
    /// Line of the first attempt.
    from: u32,
    /// The attempt whose ok came first: the effect is not later than it.
    first_ok: Option<u32>,
    first_unknown: u32,
}

impl Keys {
    pub(super) fn role(&self, position: u32) -> Option<&KeyGroup> {
        self.of.get(&position).map(|&group| &self.groups[group as usize])
    }

    /// Shows every call to `see` too: to go through a million calls once more takes as long as all that is done with them here.
    pub(super) fn group(calls: &[Call], mut see: impl FnMut(&Call)) -> Self {
        let mut seen = SeenKeys::new(calls.len());
        for (position, call) in (0..).zip(calls) {
            seen.note(position, call.key);
            see(call);
        }
        let mut keys = Self::default();
        if seen.repeated.is_empty() {
            return keys;
        }
        let mut first: Lookup<Token, u32> = Lookup::default();
        let mut numbers: Lookup<Token, u32> = Lookup::default();
        for (key, position) in seen.suspects() {
            match first.get(&key) {
                None => drop(first.insert(key, position)),
                Some(&earlier) => keys.join(calls, earlier, position, &mut numbers),
            }
        }
        keys
    }

    fn join(&mut self, calls: &[Call], first: u32, position: u32, numbers: &mut Lookup<Token, u32>) {
        let number = *numbers.entry(calls[position as usize].key).or_insert_with(|| {
            self.groups.push(KeyGroup {
                first,
                from: calls[first as usize].line,
                first_ok: None,
                first_unknown: u32::MAX,
            });
            self.groups.len() as u32 - 1
        });
        if self.of.insert(first, number).is_none() {
            self.groups[number as usize].add(calls, first);
            self.positions.push(first);
        }
        self.of.insert(position, number);
        self.groups[number as usize].add(calls, position);
        self.positions.push(position);
        self.retries.push((position, first));
    }
}

impl KeyGroup {
    fn add(&mut self, calls: &[Call], position: u32) {
        let call = &calls[position as usize];
        match call.outcome {
            Outcome::Ok(_) => {
                let earlier = self.first_ok.is_some_and(|ok| calls[ok as usize].end_line < call.end_line);
                if !earlier {
                    self.first_ok = Some(position);
                }
            }
            Outcome::Unknown(_) => self.first_unknown = self.first_unknown.min(position),
            Outcome::Failed(_) => {}
        }
        debug_assert!(self.first <= position, "calls are grouped in their order");
    }

    /// From which line on the call at `position` may happen; `None`: another call of the group stands for it.
    pub(super) fn from(&self, position: u32, need: Need, calls: &[Call]) -> Option<u32> {
        let call = &calls[position as usize];
        match call.operation {
            operation if operation.is_read() => Some(call.line),
            // A stored first answer may be older than the retry that it answers.
            _ if need == Need::Rejected => Some(self.from),
            // A renewal that changes nothing is not logged, so its key is not stored: each attempt counts for itself.
            Operation::Report { .. } | Operation::RenewMany { .. } => Some(self.from),
            _ => (self.first_ok.unwrap_or(self.first_unknown) == position).then_some(self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Keys;
    use crate::generate::{Plan, generate};

    #[test]
    fn the_filter_loses_no_retry_and_invents_none() {
        for operations in [60, 30_000] {
            let plan = Plan { operations, retry_per_mille: 700, ..Plan::bench(3, operations, 8, 10, 80) };
            let history = generate(&plan).to_history().expect("a well-formed history");
            let mut first = BTreeMap::new();
            let mut expected = Vec::new();
            for (position, call) in (0..).zip(&history.calls).filter(|(_, call)| !call.key.is_none()) {
                let earlier = *first.entry(call.key).or_insert(position);
                if earlier != position {
                    expected.push((position, earlier));
                }
            }
            assert!(!expected.is_empty(), "{operations} operations have no retry");
            assert_eq!(Keys::group(&history.calls, |_| ()).retries, expected);
        }
    }
}
