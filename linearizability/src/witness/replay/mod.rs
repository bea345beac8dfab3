//! One pass over the agenda: the state of all cells with the Index of each one's last change, and the order that results.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;

use super::Agenda;
mod reads;
#[cfg(test)]
mod tests;
mod writes;

use super::explain::{Choices, Optional};
use crate::history::{Call, History, Span, Status};
use crate::script::{Act, Content, Script, Step};

/// The order that the indices propose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    /// Steps.
    pub(crate) order: Vec<u32>,
    /// Claims that were compared with the replay.
    pub(crate) claims: u64,
    /// Acknowledged commands that removed instances of several services at one index.
    pub(crate) wide: u64,
}

/// Why the claims cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The step whose answer does not fit.
    pub(crate) step: u32,
    /// The steps that it contradicts.
    pub(crate) against: Vec<u32>,
    pub(crate) reason: Reason,
    /// What was expected and what was seen, in words.
    pub(crate) explanation: Vec<String>,
    /// Whether several placements of unknown writes were possible before, so that another choice might have fitted.
    pub(crate) guessed: bool,
}

/// The kind of contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The claims contradict real time.
    RealTime,
    /// Two changes claim one Index.
    SharedIndex,
    /// The answer is not that of the state at the claimed Index.
    State,
    /// The answer's own indices (`xi`, modify index) are not those of the state at the claimed Index.
    Index,
    /// A command that touches several services is half visible.
    Half,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    content: Content,
    /// Index of the last known change; later ones may be hidden.
    modified: u64,
    /// Step of the last known change.
    by: u32,
    /// The statuses (two bits a check) that the last known change decided; others may have changed unseen before it.
    decided: u64,
}

/// What is known of a service as a whole.
#[derive(Clone, Copy, Debug)]
struct Served {
    index: u64,
    /// Number of instances.
    instances: u32,
    /// The rows of the last read, if all of them are still as that read showed them and it showed all.
    shown: Option<Span>,
}

struct Replay<'a> {
    history: &'a History,
    script: &'a Script,
    cells: Vec<Held>,
    services: Vec<Served>,
    optional: Optional,
    order: Vec<u32>,
    /// Claims of reports that changed nothing, per cell, since its last known change.
    idle: BTreeMap<u32, Vec<u64>>,
    /// A bit for each Index that a call owns.
    owned: Vec<u64>,
    /// Rejections that may be placed here, and how many of the agenda's were admitted so far.
    waiting: Vec<u32>,
    admitted: usize,
    /// The step of the order that was called last.
    latest: Option<u32>,
    claims: u64,
    wide: u64,
}

/// Steps that all replays of one history may take together; one replay is always granted.
const WORK_MAX: usize = 20_000_000;
/// Replays of one history.
const REPLAYS_MAX: usize = 2_000;

/// Replays `script` in the order of its claims, with one placement of the unknown writes after the other until `accept`
/// takes the order. In a long history it is shown the order while that comes into being; the replay does not depend on
/// what it says.
///
/// # Errors
/// What went wrong with the first placement.
pub(crate) fn run(
    history: &History,
    script: &Script,
    accept: impl Fn(&mut dyn Iterator<Item = u32>) -> Result<(), Failure>,
) -> Result<Witness, Failure> {
    run_on(history, script, accept, script.steps.len() >= PARALLEL_MIN)
}

fn run_on(
    history: &History,
    script: &Script,
    accept: impl Fn(&mut dyn Iterator<Item = u32>) -> Result<(), Failure>,
    is_parallel: bool,
) -> Result<Witness, Failure> {
    let mut agenda = Agenda::new(script);
    let optional = std::mem::take(&mut agenda.optional);
    let mut choices = Choices::default();
    let mut first_failure = None;
    let replays = REPLAYS_MAX.min(WORK_MAX / script.steps.len().max(1)).max(1);
    for _ in 0..replays {
        let mut replay = Replay::new(history, script, Optional::new(script, optional.clone(), choices));
        replay.note_nonces(&agenda);
        let judged =
            if is_parallel { replay.judged_meanwhile(&agenda, &accept) } else { replay.judged(&agenda, &accept) };
        let failure = match judged {
            Ok(()) => {
                return Ok(Witness { order: replay.order, claims: replay.claims, wide: replay.wide });
            }
            Err(failure) => failure,
        };
        let next = replay.optional.choices().next();
        let is_final = !failure.guessed;
        let failure = first_failure.get_or_insert(failure);
        match next {
            Some(next) if !is_final => choices = next,
            _ => return Err(failure.clone()),
        }
    }
    Err(first_failure.expect("there was at least one replay"))
}

/// Histories with fewer steps are replayed and judged by the caller alone, one after the other.
const PARALLEL_MIN: usize = 20_000;
/// Steps of the order that are handed over together, and how many such parts may wait.
const SHOWN_AT_ONCE: usize = 8_192;
const SHOWN_AHEAD: usize = 8;

/// Unknown writes that one answer may need together.
const CHAIN_MAX: usize = 3;

type Outcome<T> = Result<T, Failure>;

impl<'a> Replay<'a> {
    fn new(history: &'a History, script: &'a Script, optional: Optional) -> Self {
        Self {
            history,
            script,
            cells: vec![Held { content: Content::ABSENT, modified: 0, by: u32::MAX, decided: 0 }; script.cells.len()],
            services: vec![Served { index: 1, instances: 0, shown: None }; script.services.len()],
            optional,
            order: Vec::with_capacity(script.steps.len()),
            idle: BTreeMap::new(),
            owned: Vec::new(),
            waiting: Vec::new(),
            admitted: 0,
            latest: None,
            claims: 0,
            wide: 0,
        }
    }

    fn step(&self, step: u32) -> &'a Step {
        &self.script.steps[step as usize]
    }

    fn call(&self, step: u32) -> &'a Call {
        &self.history.calls[self.step(step).call as usize]
    }

    fn fail<T>(&self, step: u32, reason: Reason, against: Vec<u32>, explanation: Vec<String>) -> Outcome<T> {
        // The claims alone contradict the clock, whatever the unknown writes did.
        let guessed =
            reason != Reason::RealTime && self.seen_cells(step).any(|cell| self.optional.concerns(self.script, cell));
        Err(Failure { step, against, reason, explanation, guessed })
    }

    /// The cells that a step's answer depends on.
    fn seen_cells(&self, step: u32) -> Box<dyn Iterator<Item = u32> + '_> {
        let script = self.script;
        match self.step(step).act {
            Act::Register(registration) => Box::new(std::iter::once(script.registrations[registration as usize].cell)),
            Act::Deregister(cell) => Box::new(std::iter::once(cell)),
            Act::DeregisterId(group) => Box::new(script.groups[group as usize].iter().copied()),
            Act::Report(check, _) => Box::new(script.checks[check as usize].holders.iter().copied()),
            Act::RenewMany(renewal) => {
                let checks = script.renewals[renewal as usize].checks.iter();
                Box::new(checks.flat_map(|(check, _)| script.checks[*check as usize].holders.iter().copied()))
            }
            Act::Read(service) => Box::new(script.services[service as usize].cells.iter().copied()),
            Act::List(ns) => {
                let services = script.namespaces[ns as usize].iter();
                Box::new(services.flat_map(|service| script.services[*service as usize].cells.iter().copied()))
            }
        }
    }

    /// Puts a step with a claim into the order: none that was called after it had returned may stand before it.
    fn emit(&mut self, step: u32) -> Outcome<()> {
        let entry = self.step(step);
        if let Some(before) = self.latest
            && entry.until < self.step(before).from
        {
            let (early, late) = (self.call(step), self.call(before));
            let (own, other) = (early.claimed_index().unwrap_or(0), late.claimed_index().unwrap_or(0));
            let relation = if own == other { "but it is the change of that index itself" } else { "which is below it" };
            let explanation = vec![
                format!(
                    "it was called (line {}) after op {} had returned (line {})",
                    late.line, early.number, early.end_line
                ),
                format!(
                    "op {} claims index {own}, op {} claims index {other}, {}",
                    early.number,
                    late.number,
                    if own == other {
                        "and the state before that change was never the last one again"
                    } else {
                        relation
                    }
                ),
            ];
            return self.fail(before, Reason::RealTime, vec![step], explanation);
        }
        if self.latest.is_none_or(|before| self.step(before).from < entry.from) {
            self.latest = Some(step);
        }
        self.order.push(step);
        Ok(())
    }

    /// Where each nonce of an unknown registration is seen first: decides between candidates.
    fn note_nonces(&mut self, agenda: &Agenda) {
        if self.optional.is_empty() {
            return;
        }
        for (position, &step) in agenda.claims.iter().enumerate() {
            if let Some(view) = self.call(step).view() {
                for row in self.history.rows(view.body) {
                    self.optional.note_seen(row, position as u32);
                }
            }
        }
    }

    /// A pass, and then what `accept` says of its order.
    fn judged(
        &mut self,
        agenda: &Agenda,
        accept: impl Fn(&mut dyn Iterator<Item = u32>) -> Outcome<()>,
    ) -> Outcome<()> {
        self.pass(agenda, |_| ())?;
        accept(&mut self.order.iter().copied())
    }

    /// The same on two threads: `accept` is shown the order while the pass goes on.
    fn judged_meanwhile(
        &mut self,
        agenda: &Agenda,
        accept: impl Fn(&mut dyn Iterator<Item = u32>) -> Outcome<()>,
    ) -> Outcome<()> {
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Vec<u32>>(SHOWN_AHEAD);
            let replay = scope.spawn(move || {
                let mut shown = 0;
                self.pass(agenda, |order| {
                    // An order that was refused already is not shown further.
                    let _ = sender.send(order[shown..].to_vec());
                    shown = order.len();
                })
            });
            let accepted = accept(&mut receiver.into_iter().flatten());
            // What the pass says comes first, as it does on one thread.
            replay.join().expect("a replay does not panic").and(accepted)
        })
    }

    /// Goes through the agenda; `show` is given the order so far, from time to time and at the end.
    fn pass(&mut self, agenda: &Agenda, mut show: impl FnMut(&[u32])) -> Outcome<()> {
        let (mut at, mut shown) = (0, 0);
        while at < agenda.claims.len() {
            at = self.group(agenda, at)?;
            if self.order.len() - shown >= SHOWN_AT_ONCE {
                show(&self.order);
                shown = self.order.len();
            }
        }
        self.waiting.extend(agenda.rejections.iter().skip(self.admitted));
        self.place_rejections(u32::MAX)?;
        show(&self.order);
        Ok(())
    }

    /// Before `step`, with everything from `position` of the agenda on to come: admits the rejections that may stand here, and
    /// places what fits.
    fn make_way(&mut self, agenda: &Agenda, position: usize, step: u32) -> Outcome<()> {
        while let Some(&next) = agenda.rejections.get(self.admitted) {
            if self.step(next).from >= agenda.answered_from[position] {
                break;
            }
            self.waiting.push(next);
            self.admitted += 1;
        }
        if self.waiting.is_empty() { Ok(()) } else { self.place_rejections(self.step(step).from) }
    }

    /// Places the rejections that fit the state now. One that returned before line `next_from` cannot wait any longer.
    fn place_rejections(&mut self, next_from: u32) -> Outcome<()> {
        let mut kept: Vec<u32> = Vec::new();
        for step in std::mem::take(&mut self.waiting) {
            let from = self.step(step).from;
            let blocked = kept.iter().any(|&earlier| self.step(earlier).until < from);
            if !blocked && self.is_absent(step) {
                self.order.push(step);
            } else if self.step(step).until < next_from || !blocked && self.removes_now(step) {
                self.force_absent(step)?;
                self.order.push(step);
            } else {
                kept.push(step);
            }
        }
        self.waiting = kept;
        Ok(())
    }

    fn targets(&self, act: Act) -> Vec<u32> {
        match act {
            Act::Deregister(cell) => vec![cell],
            Act::DeregisterId(group) => self.script.groups[group as usize].clone(),
            Act::Report(check, _) => {
                let holds = |&&cell: &&u32| {
                    let content = &self.cells[cell as usize].content;
                    self.script.report(content, check, Status::Passing).is_some()
                };
                self.script.checks[check as usize].holders.iter().filter(holds).copied().collect()
            }
            _ => Vec::new(),
        }
    }

    fn is_absent(&self, step: u32) -> bool {
        self.targets(self.step(step).act).iter().all(|&cell| !self.cells[cell as usize].content.is_present())
    }

    fn force_absent(&mut self, step: u32) -> Outcome<()> {
        let entry = *self.step(step);
        for cell in self.targets(entry.act) {
            if !self.cells[cell as usize].content.is_present() {
                continue;
            }
            let by = self.cells[cell as usize].by;
            if !self.explain_absent(cell, entry.until) {
                let what = self.cell_name(cell);
                let text = vec![
                    "it was rejected: the server said that it does not exist".to_owned(),
                    format!("{what} existed all the time between its call and its answer"),
                ];
                return self.fail(step, Reason::State, vec![by], text);
            }
        }
        Ok(())
    }

    fn cell_name(&self, cell: u32) -> String {
        let cell = &self.script.cells[cell as usize];
        let service = &self.script.services[cell.service as usize];
        format!("{}/{}", self.history.name(service.name), self.history.name(cell.id))
    }

    fn describe(&self, content: &Content) -> String {
        if !content.is_present() {
            return "absent".to_owned();
        }
        let words = ["passing", "warning", "unknown", "critical"];
        let shape = &self.script.shapes[content.shape as usize];
        let checks: Vec<String> = shape
            .iter()
            .enumerate()
            .map(|(position, id)| {
                format!("{} {}", self.history.name(*id), words[content.status(position as u32) as usize])
            })
            .collect();
        let nonce = self.history.token(content.nonce);
        if checks.is_empty() { nonce } else { format!("{nonce} ({})", checks.join(", ")) }
    }
}

/// The statuses that a change from `old` to `new` decides: all of them, unless it kept some.
fn decided(old: &Content, new: &Content) -> u64 {
    if !old.is_present() || !new.is_present() || old.shape != new.shape || old.ttl != new.ttl {
        // A new shape may keep statuses too; which ones is not worth knowing.
        return if old.is_present() && new.is_present() { 0 } else { u64::MAX };
    }
    let differing = old.statuses ^ new.statuses;
    let changed = (differing | differing >> 1) & 0x5555_5555_5555_5555;
    changed | changed << 1
}
