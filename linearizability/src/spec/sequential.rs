//! The specification as stateright's [`SequentialSpec`], with operations and answers by value: for models and for the
//! differential test.

use stateright::semantics::SequentialSpec;

use super::Registry;
use crate::history::{CheckSpec, CheckState, Status, Symbol, Token};

/// The registry as a sequential object.
pub type Spec = Registry;

/// An operation on the registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Register { ns: Symbol, service: Symbol, id: Symbol, nonce: Token, checks: Vec<CheckSpec> },
    Deregister { ns: Symbol, service: Symbol, id: Symbol },
    DeregisterId { ns: Symbol, id: Symbol },
    Report { ns: Symbol, check: Symbol, status: Status },
    Read { ns: Symbol, service: Symbol, passing: bool },
    List { ns: Symbol },
}

/// What it answers. Rows and names are compared as sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    Done,
    Rejected,
    Rows(Vec<SeenRow>),
    Services(Vec<Symbol>),
}

/// One instance, as seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeenRow {
    pub id: Symbol,
    pub nonce: Token,
    pub checks: Vec<SeenCheck>,
}

/// One check, as seen.
pub type SeenCheck = CheckState;

impl SequentialSpec for Registry {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Read { ns, service, passing } => Ret::Rows(self.rows((*ns, *service), *passing)),
            Op::List { ns } => Ret::Services(self.names(*ns).collect()),
            write => self.accept(write),
        }
    }

    fn is_valid_step(&mut self, op: &Op, ret: &Ret) -> bool {
        match (op, ret) {
            (Op::Read { ns, service, passing }, Ret::Rows(rows)) => {
                let seen = rows.iter().map(|row| (row.id, row.nonce, row.checks.as_slice()));
                self.shows((*ns, *service), *passing, seen, |checks| checks)
            }
            (Op::List { ns }, Ret::Services(names)) => {
                let mut names = names.clone();
                names.sort_unstable();
                self.names(*ns).eq(names)
            }
            (write, ret) => self.accept(write) == *ret,
        }
    }
}

impl Registry {
    fn accept(&mut self, op: &Op) -> Ret {
        let accepted = match op {
            Op::Register { ns, service, id, nonce, checks } => {
                self.register((*ns, *service), *id, *nonce, checks);
                true
            }
            Op::Deregister { ns, service, id } => self.deregister((*ns, *service), *id),
            Op::DeregisterId { ns, id } => self.deregister_id(*ns, *id),
            Op::Report { ns, check, status } => self.report(*ns, *check, *status),
            Op::Read { .. } | Op::List { .. } => false,
        };
        if accepted { Ret::Done } else { Ret::Rejected }
    }

    pub(super) fn rows(&self, service: super::ServiceKey, passing: bool) -> Vec<SeenRow> {
        let instances = self.services.get(&service).into_iter().flatten();
        let shown = instances.filter(|(_, instance)| !passing || instance.is_passing());
        let row = |(id, instance): (&Symbol, &super::Instance)| SeenRow {
            id: *id,
            nonce: instance.nonce,
            checks: instance.checks.iter().map(|check| CheckState { id: check.id, status: check.status }).collect(),
        };
        shown.map(row).collect()
    }
}
