//! A leader that is to go hands over, and goes on asking until it leads no more: at an operator's word, or because it has lost
//! its quorum (what Raft calls CheckQuorum; Ongaro's thesis, 6.2).
//!
//! A leader that reaches a few followers and no quorum commits nothing, and yet its heartbeats keep these few from voting for
//! anybody else: a quorum that all see each other stays without a leader as long as one of them hears the old one (LIVE-4;
//! `scenarios/regressions/leader-without-quorum.toml`). openraft has no step-down, so the leader asks whoever it still hears to
//! take over: that server drops its lease and stands for election at once. If nobody hears the leader, it is in nobody's way.
//!
//! openraft sends that word once, and takes no writes from then on: while it is lost the cluster has nobody who writes until
//! leases and election time-outs are over (`scenarios/regressions/transfer-lost.toml`).

use std::sync::{Arc, PoisonError};

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::Fatal;

use super::core::Core;
use crate::raft::types::{MemberId, TypeConfig};

impl Core {
    /// Asks `to` to lead in place of this server, and has it asked again until the leadership of this term ends.
    ///
    /// # Errors
    /// Consensus has stopped.
    pub async fn ask_to_lead(&self, to: MemberId) -> Result<(), Fatal<TypeConfig>> {
        let term = self.metrics().vote.leader_id.term;
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((term, to));
        self.parts.raft.trigger().transfer_leader(to).await
    }

    /// Who was asked to lead after `term`.
    fn asked_in(&self, term: u64) -> Option<MemberId> {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.filter(|(in_term, _)| *in_term == term).map(|(_, to)| to)
    }
}

/// Never ends.
pub(super) async fn hand_over(core: Arc<Core>) {
    let election = core.parts.timing.election_max;
    let mut silent_since = None;
    loop {
        core.host().sleep(election / 2).await;
        if !core.leads() {
            silent_since = None;
            continue;
        }
        let term = core.metrics().vote.leader_id.term;
        // Once asked, openraft takes no writes any more: even if the quorum is back, this leadership must end.
        let heir = if let Some(asked) = core.asked_in(term) {
            if core.answers(asked) { asked } else { core.most_up_to_date().unwrap_or(asked) }
        } else if hears_quorum(&core) {
            silent_since = None;
            continue;
        } else {
            let now = core.host().now();
            let since = *silent_since.get_or_insert(now);
            if now.saturating_sub(since) < election * 2 {
                continue;
            }
            let Some(heir) = core.most_up_to_date() else { continue };
            tracing::warn!(
                term,
                to = format_args!("{heir:016x}"),
                "no quorum answers this leader: another one must lead"
            );
            heir
        };
        if let Err(error) = core.ask_to_lead(heir).await {
            tracing::debug!(%error, "it was not asked to lead");
        }
    }
}

/// A quorum acknowledged a message of this leader within the last election time-out.
fn hears_quorum(core: &Core) -> bool {
    let metrics = core.parts.raft.data_metrics();
    let acked = metrics.borrow_watched().last_quorum_acked;
    acked.is_some_and(|at| at.elapsed() < core.parts.timing.election_max)
}
