//! Asks the judge. A run in which all servers lost everything has had more than one cluster: each has a history and records
//! of its own and is judged by itself, since a promise binds the cluster that gave it and no other.

use linearizability::history::{NodeRecord, Run, parse_history};
use linearizability::verdict::{Property, Report, Status};
use linearizability::{Options, judge};

use crate::record::Record;

/// What the judge says of all clusters together. `required` must have been exercised in the last.
pub(super) fn judged(record: &Record, required: &[Property]) -> Result<Report, String> {
    let inner = record.lock();
    let last = run(&inner.history.lines, inner.facts.records())?;
    let mut report = judge(&last, &Options { required: required.to_vec(), ..Options::default() });
    for past in &inner.past {
        let run = run(&past.history, past.nodes.clone())?;
        add(&mut report, judge(&run, &Options::default()));
    }
    Ok(report)
}

fn run(history: &str, nodes: Vec<NodeRecord>) -> Result<Run, String> {
    let history =
        parse_history(history.as_bytes()).map_err(|error| format!("the judge cannot read the history: {error}"))?;
    Ok(Run { history, nodes })
}

fn add(report: &mut Report, past: Report) {
    report.calls += past.calls;
    report.violations.extend(past.violations.into_iter().map(|mut violation| {
        violation.summary = format!("before all was lost: {}", violation.summary);
        violation
    }));
    for ((_, status), (_, before)) in report.statuses.iter_mut().zip(past.statuses) {
        let now = std::mem::replace(status, Status::NotExercised);
        *status = together(now, before);
    }
}

/// The worse of the two; what held in both held for all observations.
fn together(one: Status, other: Status) -> Status {
    match (one, other) {
        (Status::Violated { violations: a, observations: c }, Status::Violated { violations: b, observations: d }) => {
            Status::Violated { violations: a + b, observations: c + d }
        }
        (Status::Held { observations: a }, Status::Held { observations: b }) => Status::Held { observations: a + b },
        (violated @ Status::Violated { .. }, _) | (_, violated @ Status::Violated { .. }) => violated,
        (undecided @ Status::Undecided { .. }, _) | (_, undecided @ Status::Undecided { .. }) => undecided,
        (held @ Status::Held { .. }, Status::NotExercised) | (Status::NotExercised, held) => held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::facts::FactKind;
    use crate::record::trace::{Depth, Trace};
    use linearizability::history::Role;

    /// A record in which `node` leads term 1 of whatever cluster is there.
    fn leads(record: &Record, node: &str) {
        record.phase("run");
        record.lock().facts.take(1, node, FactKind::Role { term: 1, role: Role::Leader });
    }

    fn empty() -> Record {
        Record::new(Trace::new(Depth::Record, None))
    }

    fn judged_mem1(record: &Record) -> Report {
        judged(record, &[Property::Mem1]).expect("a history that can be read")
    }

    #[test]
    fn two_leaders_of_a_term_are_wrong_in_one_cluster_and_right_in_two() {
        let (one, two) = (empty(), empty());
        leads(&one, "n1");
        leads(&two, "n1");
        two.new_cluster();
        leads(&one, "n2");
        leads(&two, "n2");
        assert!(matches!(judged_mem1(&one).status(Property::Mem1), Status::Violated { violations: 1, .. }));
        assert_eq!(judged_mem1(&two).status(Property::Mem1), &Status::Held { observations: 2 });
    }

    #[test]
    fn what_the_lost_cluster_broke_is_not_forgotten() {
        let record = empty();
        leads(&record, "n1");
        leads(&record, "n2");
        record.new_cluster();
        leads(&record, "n1");
        let report = judged_mem1(&record);
        assert!(matches!(report.status(Property::Mem1), Status::Violated { violations: 1, .. }));
        assert!(report.violations[0].summary.starts_with("before all was lost: "), "{report:?}");
    }

    #[test]
    fn what_only_the_lost_cluster_exercised_is_missing() {
        let record = empty();
        leads(&record, "n1");
        record.new_cluster();
        record.phase("end");
        assert_eq!(judged_mem1(&record).missing, [Property::Mem1]);
    }
}
