//! Reads that repeat an answer. A read of the rows that the read before it showed, with no write between them that touches the
//! service, needs no second comparison: where one was right, so is the other. Knows nothing of what the rows say.

use crate::history::{Call, Operation, Span, Symbol};

/// What reads showed last.
#[derive(Default)]
pub(crate) struct Repeats {
    /// By the name of the service.
    shown: Vec<Option<Shown>>,
    /// Writes up to here that may have touched any service.
    wide: u32,
}

/// The rows of a service, which no call since can have changed, unless it is `wide`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shown {
    ns: Symbol,
    rows: Span,
    wide: u32,
}

impl Repeats {
    /// Whether `call` shows what stands there of its service, so that the specification permits it now.
    pub(crate) fn permit(&self, call: &Call) -> bool {
        let (Some((_, service)), shown @ Some(_)) = (read(&call.operation), self.shows(call)) else { return false };
        self.shown.get(service.0 as usize) == Some(&shown)
    }

    /// After `call`, which the specification permitted.
    pub(crate) fn note(&mut self, call: &Call) {
        match call.operation {
            Operation::Read { service, .. }
            | Operation::Poll { service, .. }
            | Operation::Register { service, .. }
            | Operation::Deregister { service, .. } => {
                let at = service.0 as usize;
                if at >= self.shown.len() {
                    self.shown.resize(at + 1, None);
                }
                self.shown[at] = self.shows(call);
            }
            Operation::List { .. } | Operation::Membership { .. } => {}
            Operation::DeregisterId { .. } | Operation::Report { .. } | Operation::RenewMany { .. } => self.wide += 1,
        }
    }

    /// What is known of its service behind the call.
    fn shows(&self, call: &Call) -> Option<Shown> {
        let (ns, _) = read(&call.operation)?;
        Some(Shown { ns, rows: call.view()?.body, wide: self.wide })
    }
}

/// The service that is read, unless it is filtered: a filter may show that a check has expired.
fn read(operation: &Operation) -> Option<(Symbol, Symbol)> {
    match *operation {
        Operation::Read { ns, service, .. } | Operation::Poll { ns, service, passing: false, .. } => {
            Some((ns, service))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Repeats;
    use crate::generate::{Plan, generate_to};
    use crate::history::parse_history;
    use crate::spec::Registry;

    #[test]
    fn the_specification_permits_every_read_that_repeats_another() {
        let mut repeated = 0;
        for seed in 0..20 {
            for plan in [Plan::small_with_unknown(seed), Plan::bench(seed, 400, 4, 3, 50)] {
                let mut text = Vec::new();
                generate_to(&Plan { operations: 400, ..plan }, &mut text).expect("memory takes every line");
                let history = parse_history(&text).expect("a right file");
                let (mut registry, mut repeats) = (Registry::default(), Repeats::default());
                // In the order of their invocations, which many answers do not fit: those did not happen.
                for call in &history.calls {
                    let mut after = registry.clone();
                    let permits = after.permits(&history, call);
                    if repeats.permit(call) {
                        assert!(permits && after == registry, "seed {seed}, {call:?}");
                        repeated += 1;
                    }
                    if permits {
                        registry = after;
                        repeats.note(call);
                    }
                }
            }
        }
        assert!(repeated > 500, "{repeated} reads repeat another");
    }
}
