//! The history by ttl check: its renewals, everything else that may have changed it, and every answer that showed it.
//! Judges nothing.

use std::collections::BTreeMap;

use crate::history::{Answer, Call, CheckSpec, Operation, Outcome, Status, Symbol, Time, Token};
use crate::reads::{Evidence, Seen};

use super::ends::Ends;

/// What a call may have done to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A passing report.
    Renew,
    /// Another status.
    Report,
    /// A registration of the instance that holds it. With the status that it gives the check, and the value that it writes.
    Register { status: Option<Status>, nonce: Token },
    /// A deregistration of the instance.
    Deregister,
}

/// A call that changed the check, or may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub call: u32,
    pub effect: Effect,
    /// Before this moment it cannot have taken effect.
    pub since: Time,
    /// After this moment it cannot take effect any more; [`Time::NEVER`] for an unknown outcome.
    pub until: Time,
    /// By when the client had an answer or had given up.
    pub given_up: Time,
    /// The Index of its answer, if it was acknowledged.
    pub index: Option<u64>,
}

/// One answer's row that showed the check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub seen: Seen,
    pub status: Status,
    pub nonce: Token,
}

/// An acknowledged renewal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewal {
    pub call: u32,
    /// When its lease began at the earliest.
    pub since: Time,
    pub returned: Time,
    /// The Index of a state in which the check was passing.
    pub index: u64,
}

/// One ttl check over the run.
#[derive(Debug)]
pub(super) struct Life {
    pub id: Symbol,
    pub ttl_ms_min: u32,
    pub ttl_ms_max: u32,
    /// Some registration made it a check without a time to live: then silence may be fine.
    pub sometimes_plain: bool,
    /// Services whose instances held it.
    pub services: Vec<u32>,
    /// In the order of `since`.
    pub renewals: Vec<Renewal>,
    /// Places in `renewals`, in the order of their indices.
    pub renewals_by_index: Vec<u32>,
    /// In the order of `since`.
    pub touches: Vec<Touch>,
    /// In the order in which they were called.
    pub sightings: Vec<Sighting>,
    ends: ByEnd,
}

impl Life {
    /// Whether nothing but renewals can have touched the check between two moments.
    pub(super) fn undisturbed(&self, from: Time, to: Time, but: u32) -> bool {
        self.ends.disturbers.latest(to, but).is_none_or(|end| end < from)
    }

    /// Whether another call than `but` can have touched the check between two moments.
    pub(super) fn touched(&self, from: Time, to: Time, but: u32) -> bool {
        self.ends.all.latest(to, but).is_some_and(|end| end >= from)
    }

    /// The shortest TTL, in ns.
    pub(super) fn ttl_min(&self) -> u64 {
        u64::from(self.ttl_ms_min) * 1_000_000
    }

    /// The longest TTL, in ns.
    pub(super) fn ttl_max(&self) -> u64 {
        u64::from(self.ttl_ms_max) * 1_000_000
    }

    /// Whether registration `touch` certainly made a new instance: no other registration can have been in force when it took effect.
    pub(super) fn is_new(&self, touch: &Touch) -> bool {
        let Some(latest_end) = self.ends.registrations.latest(touch.until, touch.call) else { return true };
        let over = self.ends.removals.partition_point(|(until, _)| *until < touch.since);
        over.checked_sub(1).is_some_and(|at| self.ends.removals[at].1 > latest_end)
    }
}

/// The touches by what they do, for looking them up.
#[derive(Debug, Default)]
struct ByEnd {
    all: Ends,
    /// All but renewals.
    disturbers: Ends,
    registrations: Ends,
    /// Acknowledged deregistrations in the order of their ends: the end, and the latest call up to there.
    removals: Vec<(Time, Time)>,
}

impl ByEnd {
    fn of(touches: &[Touch]) -> Self {
        let is_registration = |touch: &&Touch| matches!(touch.effect, Effect::Register { .. });
        let removes = |touch: &&Touch| touch.effect == Effect::Deregister && touch.index.is_some();
        let mut removals: Vec<(Time, Time)> =
            touches.iter().filter(removes).map(|touch| (touch.until, touch.since)).collect();
        removals.sort_unstable();
        removals.iter_mut().fold(Time(0), |latest, (_, since)| {
            *since = latest.max(*since);
            *since
        });
        Self {
            all: Ends::of(touches.iter()),
            disturbers: Ends::of(touches.iter().filter(|touch| touch.effect != Effect::Renew)),
            registrations: Ends::of(touches.iter().filter(is_registration)),
            removals,
        }
    }
}

/// Which instance holds which ttl checks.
type Held = BTreeMap<(Symbol, Symbol, Symbol), Vec<usize>>;

/// Reads the lives of all ttl checks that a registration named.
pub(super) fn read(evidence: &Evidence<'_>) -> Vec<Life> {
    let mut lives = Vec::new();
    let mut places: BTreeMap<(Symbol, Symbol), usize> = BTreeMap::new();
    let mut held = Held::new();
    for call in &evidence.history.calls {
        let Operation::Register { ns, service, id, checks, .. } = call.operation else { continue };
        for spec in evidence.history.specs(checks) {
            let Some(ttl_ms) = spec.ttl_ms else { continue };
            let place = *places.entry((ns, spec.id)).or_insert_with(|| new_life(&mut lives, spec, ttl_ms));
            let life: &mut Life = &mut lives[place];
            life.ttl_ms_min = life.ttl_ms_min.min(ttl_ms);
            life.ttl_ms_max = life.ttl_ms_max.max(ttl_ms);
            let holds = held.entry((ns, service, id)).or_default();
            if !holds.contains(&place) {
                holds.push(place);
                let known = evidence.places.get(&(ns, service)).copied();
                life.services.extend(known.filter(|at| !life.services.contains(at)));
            }
        }
    }
    if lives.is_empty() {
        return lives;
    }
    for call in &evidence.history.calls {
        let Operation::Register { ns, checks, .. } = call.operation else { continue };
        for spec in evidence.history.specs(checks).iter().filter(|spec| spec.ttl_ms.is_none()) {
            if let Some(place) = places.get(&(ns, spec.id)) {
                lives[*place].sometimes_plain = true;
            }
        }
    }
    for (at, call) in evidence.history.calls.iter().enumerate() {
        touch(evidence, &mut lives, &places, &held, (at as u32, call));
    }
    sight(evidence, &mut lives, &places);
    for life in &mut lives {
        settle(life);
    }
    lives
}

fn new_life(lives: &mut Vec<Life>, spec: &CheckSpec, ttl_ms: u32) -> usize {
    lives.push(Life {
        id: spec.id,
        ttl_ms_min: ttl_ms,
        ttl_ms_max: ttl_ms,
        sometimes_plain: false,
        services: Vec::new(),
        renewals: Vec::new(),
        renewals_by_index: Vec::new(),
        touches: Vec::new(),
        sightings: Vec::new(),
        ends: ByEnd::default(),
    });
    lives.len() - 1
}

fn touch(
    evidence: &Evidence<'_>,
    lives: &mut [Life],
    places: &BTreeMap<(Symbol, Symbol), usize>,
    held: &Held,
    (at, call): (u32, &Call),
) {
    if matches!(call.outcome, Outcome::Failed(_)) {
        return;
    }
    let mut add = |place: usize, effect: Effect| {
        lives[place].touches.push(Touch {
            call: at,
            effect,
            since: evidence.since(call),
            until: call.returned,
            given_up: evidence.given_up_by(call),
            index: call.claimed_index(),
        })
    };
    match call.operation {
        Operation::Report { ns, check, status } => {
            if let Some(place) = places.get(&(ns, check)) {
                add(*place, if status == Status::Passing { Effect::Renew } else { Effect::Report });
            }
        }
        Operation::RenewMany { ns, checks } => {
            let unknown = match call.answer() {
                Some(Answer::Written { checks, .. }) => evidence.history.symbols(*checks),
                _ => &[],
            };
            for check in evidence.history.symbols(checks).iter().filter(|check| !unknown.contains(check)) {
                if let Some(place) = places.get(&(ns, *check)) {
                    add(*place, Effect::Renew);
                }
            }
        }
        Operation::Register { ns, service, id, nonce, checks } => {
            let specs = evidence.history.specs(checks);
            for place in held.get(&(ns, service, id)).into_iter().flatten() {
                let status =
                    specs.iter().find(|spec| places.get(&(ns, spec.id)) == Some(place)).and_then(|spec| spec.status);
                add(*place, Effect::Register { status, nonce });
            }
        }
        Operation::Deregister { ns, service, id } => {
            held.get(&(ns, service, id)).into_iter().flatten().for_each(|place| add(*place, Effect::Deregister))
        }
        Operation::DeregisterId { ns, id } => {
            let all = held.iter().filter(|((of, _, instance), _)| *of == ns && *instance == id);
            all.flat_map(|(_, places)| places).for_each(|place| add(*place, Effect::Deregister));
        }
        Operation::Read { .. } | Operation::Poll { .. } | Operation::List { .. } | Operation::Membership { .. } => {}
    }
}

fn sight(evidence: &Evidence<'_>, lives: &mut [Life], places: &BTreeMap<(Symbol, Symbol), usize>) {
    let mut services: Vec<u32> = lives.iter().flat_map(|life| life.services.iter().copied()).collect();
    services.sort_unstable();
    services.dedup();
    for service in services.into_iter().map(|at| &evidence.services[at as usize]) {
        let Some(ns) = service.ns else { continue };
        for seen in &service.seen {
            for row in evidence.history.rows(seen.body) {
                for check in evidence.history.row_checks(row.checks) {
                    if let Some(place) = places.get(&(ns, check.id)) {
                        lives[*place].sightings.push(Sighting { seen: *seen, status: check.status, nonce: row.nonce });
                    }
                }
            }
        }
    }
}

/// Sorts, and picks the renewals out of the touches.
fn settle(life: &mut Life) {
    life.touches.sort_by_key(|touch| (touch.since, touch.call));
    life.ends = ByEnd::of(&life.touches);
    life.sightings.sort_by_key(|sighting| (sighting.seen.invoked, sighting.seen.call));
    let renews = |touch: &&Touch| match touch.effect {
        Effect::Renew => true,
        Effect::Register { status: Some(Status::Passing), .. } => life.is_new(touch),
        _ => false,
    };
    let renewals = life.touches.iter().filter(renews).filter_map(|touch| {
        Some(Renewal { call: touch.call, since: touch.since, returned: touch.until, index: touch.index? })
    });
    life.renewals = renewals.collect();
    life.renewals_by_index = (0..life.renewals.len() as u32).collect();
    life.renewals_by_index.sort_by_key(|at| (life.renewals[*at as usize].index, *at));
}
