//! The log's newest entries in memory: all that are not synced yet, and some behind them for followers that follow closely.

use std::collections::VecDeque;

use openraft::EntryPayload;
use sider_registry::limits;

use crate::raft::types::{Entry, LogId};

/// Entries `first..` of the log, without gaps, up to its end.
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Everything below is synced.
    synced_to: u64,
    /// Last entry of the log.
    pub last: Option<LogId>,
    /// Last entry that was purged.
    pub purged: Option<LogId>,
}

impl Tail {
    pub fn new(purged: Option<LogId>, last: Option<LogId>) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, synced_to: last.map_or(0, |id| id.index + 1), last, purged }
    }

    /// One behind the last entry.
    pub fn end(&self) -> u64 {
        self.last.map_or(0, |id| id.index + 1)
    }

    /// The cached entries of `from..to`.
    pub fn from(&self, from: u64, to: u64) -> Vec<Entry> {
        let Some(first) = self.entries.front().map(|entry| entry.log_id.index) else { return Vec::new() };
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).take_while(|entry| entry.log_id.index < to).cloned().collect()
    }

    pub fn push(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            assert!(self.last.is_none_or(|last| last.index + 1 == entry.log_id.index), "the log has no gaps");
            self.last = Some(entry.log_id);
            self.bytes += size(&entry);
            self.entries.push_back(entry);
        }
    }

    /// Everything below `to` is synced: what is over the bounds may leave the memory.
    pub fn synced(&mut self, to: u64) {
        // What was truncated while it was being synced is no part of the log any more.
        self.synced_to = self.synced_to.max(to.min(self.end()));
        while self.entries.len() > limits::LOG_TAIL_ENTRIES_MAX || self.bytes > limits::LOG_TAIL_BYTES_MAX {
            let Some(first) = self.entries.front().filter(|entry| entry.log_id.index < self.synced_to) else { break };
            self.bytes -= size(first);
            self.entries.pop_front();
        }
    }

    pub fn truncate(&mut self, from: u64, last: Option<LogId>) {
        while let Some(entry) = self.entries.back().filter(|entry| entry.log_id.index >= from) {
            self.bytes -= size(entry);
            self.entries.pop_back();
        }
        self.last = last;
        self.synced_to = self.synced_to.min(from);
    }

    pub fn purge(&mut self, upto: LogId) {
        while let Some(entry) = self.entries.front().filter(|entry| entry.log_id.index <= upto.index) {
            self.bytes -= size(entry);
            self.entries.pop_front();
        }
        self.purged = Some(upto);
        self.last = self.last.max(Some(upto));
        self.synced_to = self.synced_to.max(upto.index + 1);
    }
}

/// Roughly what an entry holds.
fn size(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(proposal) => proposal.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 64,
    }
}
