//! When the last of some calls was over: asked for every answer of a run, so found by halving and not by looking at all of them.

use crate::history::Time;

use super::lives::Touch;

/// Touches in the order of `since`; with each, the latest ends among it and those before.
#[derive(Debug, Default)]
pub(super) struct Ends(Vec<Prefix>);

#[derive(Clone, Copy, Debug)]
struct Prefix {
    since: Time,
    /// The latest end, and whose it is.
    latest: (Time, u32),
    /// The latest end of any other call.
    second: Option<Time>,
}

impl Ends {
    /// Of `touches`, which stand in the order of `since`.
    pub(super) fn of<'t>(touches: impl Iterator<Item = &'t Touch>) -> Self {
        let mut rows: Vec<Prefix> = Vec::new();
        for touch in touches {
            let own = (touch.until, touch.call);
            let (latest, second) = match rows.last() {
                None => (own, None),
                Some(before) if before.latest.1 == touch.call => (before.latest.max(own), before.second),
                Some(before) if before.latest.0 < touch.until => (own, Some(before.latest.0)),
                Some(before) => (before.latest, before.second.max(Some(touch.until))),
            };
            rows.push(Prefix { since: touch.since, latest, second });
        }
        Self(rows)
    }

    /// The latest end of those that began by `time`, without call `but`.
    pub(super) fn latest(&self, time: Time, but: u32) -> Option<Time> {
        let begun = self.0.partition_point(|row| row.since <= time);
        let row = &self.0[begun.checked_sub(1)?];
        if row.latest.1 == but { row.second } else { Some(row.latest.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Ends;
    use crate::generate::Random;
    use crate::history::Time;
    use crate::ttl::lives::{Effect, Touch};

    #[test]
    fn the_latest_end_is_that_of_a_look_at_all() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut touches: Vec<Touch> = (0..random.below(12) as u32)
                .map(|call| {
                    let since = random.below(30);
                    let until = Time(since + random.below(20));
                    Touch { call, effect: Effect::Renew, since: Time(since), until, given_up: until, index: None }
                })
                .collect();
            touches.sort_by_key(|touch| touch.since);
            let ends = Ends::of(touches.iter());
            for (time, but) in (0..55).flat_map(|time| (0..13).map(move |but| (Time(time), but))) {
                let others = touches.iter().filter(|touch| touch.since <= time && touch.call != but);
                assert_eq!(
                    ends.latest(time, but),
                    others.map(|touch| touch.until).max(),
                    "{time:?}, {but}: {touches:?}"
                );
            }
        }
    }
}
