//! A leader that has lost its quorum hands over (what Raft calls CheckQuorum; Ongaro's thesis, 6.2).
//!
//! A leader that reaches a few followers and no quorum commits nothing, and yet its heartbeats keep these few from voting for
//! anybody else: a quorum that all see each other stays without a leader as long as one of them hears the old one (LIVE-4;
//! `scenarios/regressions/leader-without-quorum.toml`). openraft has no step-down, so the leader asks whoever it still hears to
//! take over: that server drops its lease and stands for election at once. If nobody hears the leader, it is in nobody's way.

use std::sync::Arc;

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;

use super::core::Core;

/// Never ends.
pub(super) async fn hand_over_without_quorum(core: Arc<Core>) {
    let election = core.parts.timing.election_max;
    let mut silent_since = None;
    let mut asked_in = None;
    loop {
        core.host().sleep(election / 2).await;
        let term = core.metrics().vote.leader_id.term;
        if !core.leads() {
            silent_since = None;
            continue;
        }
        // Once asked, openraft takes no writes any more: even if the quorum is back, this leadership must end.
        if hears_quorum(&core) && asked_in != Some(term) {
            silent_since = None;
            continue;
        }
        let now = core.host().now();
        let since = *silent_since.get_or_insert(now);
        if now.saturating_sub(since) < election * 2 {
            continue;
        }
        let Some(to) = core.most_up_to_date() else { continue };
        tracing::warn!(term, to = format_args!("{to:016x}"), "no quorum answers this leader: another one must lead");
        asked_in = Some(term);
        if let Err(error) = core.parts.raft.trigger().transfer_leader(to).await {
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
