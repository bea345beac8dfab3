//! The specification applied to recorded calls.

use super::Registry;
use crate::history::{Answer, Call, ChecksId, History, Operation, Outcome, Status, Symbol, Token, View};

impl Registry {
    /// The instances of a service in words, for people.
    pub(crate) fn describe(&self, history: &History, ns: Symbol, service: Symbol) -> String {
        let rows = self.rows((ns, service), false);
        let each = rows.iter().map(|row| {
            let checks = row.checks.iter().map(|check| format!("{} {}", history.name(check.id), check.status.word()));
            let checks = checks.collect::<Vec<_>>().join(", ");
            let checks = if checks.is_empty() { checks } else { format!(" ({checks})") };
            format!("{} = {}{checks}", history.name(row.id), history.token(row.nonce))
        });
        format!("[{}]", each.collect::<Vec<_>>().join(", "))
    }

    /// The services of a namespace that have an instance.
    pub(crate) fn services(&self, ns: Symbol) -> impl Iterator<Item = Symbol> {
        self.names(ns)
    }

    /// Lets `call` happen now. False: a correct registry in this state would not have answered so.
    ///
    /// A call with an unknown outcome happens if it can, and may also be one that the registry rejects.
    pub fn permits(&mut self, history: &History, call: &Call) -> bool {
        match (&call.operation, &call.outcome) {
            (Operation::Read { ns, service, .. }, Outcome::Ok(Answer::View(view))) => {
                self.shows((*ns, *service), false, seen(history, view), |checks| history.row_checks(checks))
            }
            (Operation::Poll { ns, service, passing, .. }, Outcome::Ok(Answer::View(view))) => {
                self.shows((*ns, *service), *passing, seen(history, view), |checks| history.row_checks(checks))
            }
            (Operation::List { ns, .. }, Outcome::Ok(Answer::Services { names, .. })) => {
                let mut listed = history.symbols(*names).to_vec();
                listed.sort_unstable();
                self.names(*ns).eq(listed)
            }
            (Operation::Read { .. } | Operation::Poll { .. } | Operation::List { .. }, Outcome::Unknown(_)) => true,
            (Operation::RenewMany { ns, checks }, outcome) => {
                let unknown: &[_] = match outcome {
                    Outcome::Ok(Answer::Written { checks, .. }) => history.symbols(*checks),
                    _ => &[],
                };
                history.symbols(*checks).iter().all(|check| {
                    let known = self.report(*ns, *check, Status::Passing);
                    known != unknown.contains(check) || call.is_unknown()
                })
            }
            (operation, outcome) => {
                let accepted = self.write(history, operation);
                match outcome {
                    Outcome::Ok(_) => accepted,
                    Outcome::Failed(_) => !accepted,
                    Outcome::Unknown(_) => true,
                }
            }
        }
    }

    /// Applies a write; false if the registry has to reject it.
    fn write(&mut self, history: &History, operation: &Operation) -> bool {
        match *operation {
            Operation::Register { ns, service, id, nonce, checks } => {
                self.register((ns, service), id, nonce, history.specs(checks));
                true
            }
            Operation::Deregister { ns, service, id } => self.deregister((ns, service), id),
            Operation::DeregisterId { ns, id } => self.deregister_id(ns, id),
            Operation::Report { ns, check, status } => self.report(ns, check, status),
            _ => false,
        }
    }
}

fn seen(history: &History, view: &View) -> impl Iterator<Item = (Symbol, Token, ChecksId)> + Clone {
    history.rows(view.body).iter().map(|row| (row.id, row.nonce, row.checks))
}
