//! What was found, as a log: each change at its Index, each observer at the state that it saw. Replayed without any choice,
//! over the whole history, it is the proof that the claims agree with it.

use std::fmt;

use super::axis::Numbers;
use super::board::{Board, Changes, Rules};
use crate::history::{History, Status};
use crate::script::{Act, Need, Script, code};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A change.
    Change(u32),
    /// Ttl checks expired: a cell, and the position of the check in its shape.
    Expiry(Vec<(u32, u32)>),
    /// Something that changed nothing: line of its call, step.
    Observer(u32, u32),
}

/// At which Index. The derived order is that of the log: the change first, then who saw it, by call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) index: u64,
    pub(super) what: What,
}

/// Entries; in order once they are verified.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// The changes among them that no accepted write made.
    pub(super) hidden: Vec<u64>,
}

/// Why a log is no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TwoChanges { index: u64 },
    Claim { step: u32 },
    Answer { step: u32 },
    Nothing { index: u64 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoChanges { index } => write!(f, "two changes need index {index}"),
            Self::Claim { step } => write!(f, "step {step} does not stand at the index that it claims"),
            Self::Answer { step } => write!(f, "the answer of step {step} is not that of its state"),
            Self::Nothing { index } => write!(f, "nothing changes at index {index}"),
        }
    }
}

impl Log {
    /// The Indices of the changes that no accepted write made.
    pub(super) fn hidden(&self) -> impl Iterator<Item = u64> + '_ {
        self.hidden.iter().copied()
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.entries.append(&mut other.entries);
        self.hidden.append(&mut other.hidden);
    }

    /// The steps, in order.
    pub(super) fn order(&self) -> Vec<u32> {
        let step = |entry: &Entry| match entry.what {
            What::Change(step) | What::Observer(_, step) => Some(step),
            What::Expiry(_) => None,
        };
        self.entries.iter().filter_map(step).collect()
    }

    /// Brings the entries into order and replays them. Gives the number of claims that were compared, and of commands that
    /// removed instances of several services at once. That all steps stand in real time is for [`crate::certificate`].
    pub(super) fn verify(&mut self, history: &History, script: &Script) -> Result<(u64, u64), Refusal> {
        self.entries.sort();
        let numbers = Numbers::whole(script);
        let rules = Rules { history, script, numbers: &numbers };
        let mut board = Board::empty(script.cells.len(), script.services.len());
        let (mut claims, mut wide) = (0, 0);
        let mut changed: Option<&Entry> = None;
        for entry in &self.entries {
            let index = entry.index;
            let changes = match &entry.what {
                What::Change(step) | What::Observer(_, step) => {
                    let step = *step;
                    let is_observer = matches!(entry.what, What::Observer(..));
                    let (act, need) = (script.steps[step as usize].act, script.steps[step as usize].need);
                    let call = &history.calls[script.steps[step as usize].call as usize];
                    let claims_this = call.claimed_index() == Some(index);
                    if need == Need::Accepted && !claims_this {
                        return Err(Refusal::Claim { step });
                    }
                    claims += u64::from(need == Need::Accepted);
                    let fits = match need {
                        Need::Accepted if act.is_read() => rules.answers(&board, act, call),
                        Need::Accepted => rules.accepts(&board, act),
                        Need::Optional => true,
                        // The certificate compares it with the state.
                        Need::Rejected => is_observer,
                    };
                    let changes = if need == Need::Rejected { Changes::new() } else { rules.changes(&board, act) };
                    if !fits || is_observer != changes.is_empty() {
                        return Err(Refusal::Answer { step });
                    }
                    wide +=
                        u64::from(need == Need::Accepted && changes.len() > 1 && matches!(act, Act::DeregisterId(_)));
                    changes
                }
                What::Expiry(checks) => expired(&rules, &board, checks),
            };
            if matches!(entry.what, What::Observer(..)) {
                continue;
            }
            if changes.is_empty() {
                return Err(Refusal::Nothing { index });
            }
            let both_expire =
                |before: &Entry| matches!((&before.what, &entry.what), (What::Expiry(_), What::Expiry(_)));
            if changed.is_some_and(|before| before.index == index && !both_expire(before)) {
                return Err(Refusal::TwoChanges { index });
            }
            rules.put(&mut board, &changes, index);
            changed = Some(entry);
        }
        Ok((claims, wide))
    }
}

/// What an expiry of `checks` changes; nothing if one of them cannot expire.
pub(super) fn expired(rules: &Rules<'_>, board: &Board, checks: &[(u32, u32)]) -> Changes {
    let mut changes = Changes::new();
    for &(cell, position) in checks {
        let known = changes.iter().position(|(other, _)| *other == cell);
        let old = known.map_or_else(|| rules.held(board, cell).content, |at| changes[at].1);
        let can = old.is_present() && old.ttl >> position & 1 == 1 && old.status(position) != code(Status::Critical);
        if !can {
            return Changes::new();
        }
        let new = old.with_status(position, Status::Critical);
        match known {
            Some(at) => changes[at].1 = new,
            None => changes.push((cell, new)),
        }
    }
    changes
}
