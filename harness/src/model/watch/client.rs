//! A client's steps: those of the poll in `sider::http`, each a lock of its own there.

use sider_registry::model::Index;

use super::{Action, At, Breach, Broken, State, Watching};

/// More than any Index of the scope.
const NEVER_ISSUED: Index = Index(1000);

impl Watching {
    pub(super) fn client_actions(&self, state: &State, client: usize, actions: &mut Vec<Action>) {
        match state.clients[client].at {
            At::Away => {
                if state.clients[client].polls_left == 0 {
                    return;
                }
                if self.is(Broken::ReadBeforePark) {
                    actions.push(Action::Look(client));
                    return;
                }
                actions.extend([Action::Park(client), Action::ParkAboveAll(client)]);
                return;
            }
            At::LookedFirst => {
                actions.push(Action::Park(client));
                return;
            }
            At::Parked(_) => actions.push(Action::Look(client)),
            At::Looked(_) | At::Awake(_) => actions.push(Action::Wait(client)),
            At::Asleep(_) => {}
        }
        if matches!(state.clients[client].at, At::Asleep(_) | At::Awake(_)) {
            actions.push(Action::TimeOut(client));
        }
        actions.push(Action::Leave(client));
    }

    pub(super) fn park(&self, state: &mut State, client: usize, above_all: bool) {
        let key = self.topic(client).key.clone();
        let ticket = state.table.change(|table| table.park(key));
        let looked = state.clients[client].at == At::LookedFirst;
        let client = &mut state.clients[client];
        client.above_all = above_all;
        client.woken = false;
        client.at = if looked { At::Looked(ticket) } else { At::Parked(ticket) };
    }

    /// Answers if there is something above the index, or if the index was never given out; else goes to wait.
    pub(super) fn look(&self, state: &mut State, client: usize) {
        let seen = self.index(client, state.moment);
        let poll = state.clients[client];
        let asked = if poll.above_all { NEVER_ISSUED } else { poll.asked };
        let never_issued = asked > self.graph.registry(state.moment).index() && !self.is(Broken::WaitForNeverIssued);
        if seen > asked || never_issued {
            if seen <= asked && !poll.above_all {
                state.breach = Some(Breach::NotAbove);
            }
            self.answer(state, client);
            return;
        }
        if poll.above_all {
            state.breach = Some(Breach::WaitsForNeverIssued);
        }
        if poll.woken {
            // The table said that the index was passed, and the state does not show it.
            state.breach = Some(Breach::OthersWoken);
        }
        state.clients[client].at = poll.at.ticket().map_or(At::LookedFirst, At::Looked);
    }

    /// Asks the table, and sleeps there if the index was not passed. A server that stops ends the wait.
    pub(super) fn wait(&self, state: &mut State, client: usize) {
        let poll = state.clients[client];
        let ticket = poll.at.ticket().expect("it has a place");
        if state.closed {
            self.answer(state, client);
            return;
        }
        let key = &self.topic(client).key;
        if state.table.change(|table| table.poll_above(key, ticket, poll.asked, client)) {
            state.clients[client].woken = true;
            state.clients[client].at = At::Parked(ticket);
        } else if self.is(Broken::AnswerWhenWoken) && matches!(poll.at, At::Awake(_)) {
            if self.index(client, state.moment) <= poll.asked {
                state.breach = Some(Breach::NotAbove);
            }
            self.answer(state, client);
        } else {
            state.clients[client].at = At::Asleep(ticket);
        }
    }

    /// Looks, answers with that and gives the place back. The client will ask with the answer's index.
    pub(super) fn answer(&self, state: &mut State, client: usize) {
        let (index, view) = (self.index(client, state.moment), self.view(client, state.moment));
        if index < Index(1) || index > self.graph.registry(state.moment).index() {
            state.breach = Some(Breach::IndexOutOfRange);
        }
        self.leave(state, client);
        let client = &mut state.clients[client];
        client.asked = index;
        client.knows = view;
    }

    /// Gives the place back.
    pub(super) fn leave(&self, state: &mut State, client: usize) {
        if let Some(ticket) = state.clients[client].at.ticket()
            && !self.is(Broken::KeepPlace)
        {
            let key = &self.topic(client).key;
            state.table.change(|table| table.leave(key, ticket));
        }
        let client = &mut state.clients[client];
        client.at = At::Away;
        client.above_all = false;
        client.polls_left -= 1;
    }
}
