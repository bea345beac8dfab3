//! The client's steps: those of a read and of a poll in `sider::http`.

use sider_registry::model::Index;

use super::{Action, Answer, At, Breach, Broken, Hopping, Mode, State};

impl Hopping {
    pub(super) fn client_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let client = &state.client;
        match client.at {
            At::Away if client.reads_left > 0 => {
                for at in 0..state.replicas.len() {
                    actions.push(Action::Read(at, Mode::Default));
                    if client.last.is_none() {
                        // Later a stale read without an index is free to go back (SPEC section 4).
                        actions.push(Action::Read(at, Mode::Stale));
                    } else {
                        actions.extend([Action::Poll(at, Mode::Default), Action::Poll(at, Mode::Stale)]);
                    }
                }
            }
            At::Away => {}
            At::Reading | At::Parked(_) => {
                if client.mode == Mode::Default && client.need.is_none() && !self.is(Broken::NoBarrier) {
                    actions.push(Action::Confirm);
                }
                if self.new_enough(state) {
                    actions.push(Action::Look);
                }
                actions.push(Action::TimeOut);
            }
            At::HalfLooked(..) => actions.push(Action::LookAgain),
            At::Looked(_) => actions.push(Action::Wait),
            At::Awake(_) => actions.extend([Action::Wait, Action::TimeOut]),
            At::Asleep(_) => actions.push(Action::TimeOut),
        }
    }

    /// The replica's state is as new as the read asks for.
    pub(super) fn new_enough(&self, state: &State) -> bool {
        let client = &state.client;
        let applied = state.replicas[client.replica].applied;
        match client.mode {
            Mode::Default => self.is(Broken::NoBarrier) || client.need.is_some_and(|need| applied >= need),
            Mode::Stale => {
                let floor = if client.polls && !self.is(Broken::NoFloor) { client.asked() } else { Index(0) };
                self.applied.at(state.local(client.replica)) >= floor
            }
        }
    }

    pub(super) fn begin(&self, state: &mut State, at: usize, mode: Mode, polls: bool) {
        let called = state.newest_position();
        let client = &mut state.client;
        client.replica = at;
        client.mode = mode;
        client.polls = polls;
        client.called = called;
        client.need = None;
        client.reads_left -= 1;
        client.at = At::Reading;
        if polls {
            let key = self.key.clone();
            client.at = At::Parked(state.replicas[at].table.change(|table| table.park(key)));
        }
    }

    /// Answers if it has no index, if there is something above its index, or if that was never given out.
    pub(super) fn look(&self, state: &mut State) {
        let local = state.local(state.client.replica);
        let (index, applied) = (self.index.at(local), self.applied.at(local));
        let asked = state.client.asked();
        let ticket = state.client.at.ticket();
        match ticket {
            Some(ticket) if index <= asked && asked <= applied => state.client.at = At::Looked(ticket),
            _ if self.is(Broken::TwoLooks) => state.client.at = At::HalfLooked(ticket, index, applied),
            _ => self.answer(state, index, applied),
        }
    }

    pub(super) fn look_again(&self, state: &mut State) {
        let At::HalfLooked(_, index, applied) = state.client.at else { unreachable!("the action was offered") };
        self.answer(state, index, applied);
    }

    /// Asks the table, and sleeps there if the index was not passed.
    pub(super) fn wait(&self, state: &mut State) {
        let ticket = state.client.at.ticket().expect("it has a place");
        let asked = state.client.asked();
        let table = &mut state.replicas[state.client.replica].table;
        let passed = table.change(|table| table.poll_above(&self.key, ticket, asked, ()));
        state.client.at = if passed { At::Parked(ticket) } else { At::Asleep(ticket) };
    }

    /// A poll that waits answers with what there is; a read whose state is not new enough yet gets an error.
    pub(super) fn time_out(&self, state: &mut State) {
        if matches!(state.client.at, At::Asleep(_) | At::Awake(_)) {
            let local = state.local(state.client.replica);
            self.answer(state, self.index.at(local), self.applied.at(local));
        } else {
            self.end(state);
        }
    }

    /// Answers with these headers and the body as it is now.
    fn answer(&self, state: &mut State, index: Index, applied: Index) {
        let local = state.local(state.client.replica);
        let answer = Answer { index, view: self.view.at(local) };
        state.breach = self.judge(state, answer, applied);
        self.end(state);
        state.client.last = Some(answer);
    }

    /// What the answer breaks, if anything: from the client's side, and by the committed log.
    fn judge(&self, state: &State, answer: Answer, applied: Index) -> Option<Breach> {
        let client = &state.client;
        let replay = state.committed.iter().position(|moment| self.applied.at(*moment) == applied);
        let replayed = replay.map(|position| state.committed[position]);
        if replayed.is_none_or(|moment| self.view.at(moment) != answer.view || self.index.at(moment) != answer.index) {
            return Some(Breach::Torn);
        }
        if client.mode == Mode::Default && replay.is_none_or(|position| position < usize::from(client.called)) {
            return Some(Breach::FromThePast);
        }
        match client.last {
            Some(last) if answer.index < last.index => Some(Breach::WentBack),
            Some(last) if answer.index == last.index && answer.view != last.view => Some(Breach::TwoBodies),
            _ => None,
        }
    }

    /// Gives the place back, if there is one.
    fn end(&self, state: &mut State) {
        if let Some(ticket) = state.client.at.ticket() {
            let table = &mut state.replicas[state.client.replica].table;
            table.change(|table| table.leave(&self.key, ticket));
        }
        let client = &mut state.client;
        // What is over leaves no trace in the state, so that states which differ in nothing else are one.
        client.at = At::Away;
        client.need = None;
        client.called = 0;
        client.mode = Mode::Stale;
        client.polls = false;
        client.replica = 0;
    }
}
