//! Lines as recorders write them, read in one go: keys in alphabetical order behind `f`, nothing that is not needed. This is
//! faster than [`super::line`] and says the same of every line that it reads; the others it leaves to it, with all that may
//! be wrong with them.

use super::bodies::Bodies;
use super::cursor::Cursor;
use super::fields::check_list;
use super::line::{Batch, Event, Kind, Tables};
use super::scan::Scan;
use super::vocabulary::F;
use crate::history::model::{Answer, CheckSpec, ChecksId, Mode, Operation, Row, Span, Status, View};
use crate::history::names::{Symbol, Token};

/// Reads the line that `text` begins with into `batch`; its length, without the newline. `bodies` are those of the lines in
/// `batch`. `None`: the line is none of these, and nothing of it stays. Names that it has were interned in its order, as
/// [`super::line`] will do again.
#[inline]
pub(super) fn usual_line<'l>(
    text: &'l [u8],
    tables: &mut Tables,
    batch: &mut Batch,
    bodies: &mut Bodies<'l>,
) -> Option<usize> {
    let arenas = batch.arenas();
    let mut reader = Reader { scan: Scan::new(text), tables, batch, bodies };
    if reader.line().is_none() {
        batch.cut(arenas);
        bodies.forget_last();
        return None;
    }
    Some(text.len() - reader.scan.rest().len())
}

/// What stands before `type`.
#[derive(Clone, Copy)]
struct Head {
    index: u64,
    time: u64,
    process: u32,
}

struct Reader<'t, 'l> {
    scan: Scan<'l>,
    tables: &'t mut Tables,
    batch: &'t mut Batch,
    bodies: &'t mut Bodies<'l>,
}

impl Reader<'_, '_> {
    #[inline(always)]
    fn line(&mut self) -> Option<()> {
        self.scan.text(b"{\"index\":")?;
        let index = self.scan.number()?;
        self.scan.text(b",\"time\":")?;
        let time = self.scan.number()?;
        self.scan.text(b",\"process\":")?;
        let process = self.scan.small_number()?;
        let head = Head { index, time, process };
        if self.scan.has(b",\"type\":\"invoke\",\"f\":\"") {
            let f = self.f()?;
            return self.operation(head, f);
        }
        if self.scan.has(b",\"type\":\"ok\",\"f\":\"") {
            let f = self.f()?;
            return self.answer(head, f);
        }
        self.error(head)
    }

    /// The rest of a line, which says `kind`. Inlined at each kind, so that an event is written once, into its place: to move
    /// it took a fifth of the time.
    #[inline(always)]
    fn end(&mut self, head: Head, kind: Kind) -> Option<()> {
        let Head { index, time, process } = head;
        let (node, op, key) = self.extra()?;
        self.scan.text(b"}}")?;
        if !self.scan.is_at_end() {
            return None;
        }
        self.batch.events.push(Event { index, time, process, op, node, key, kind });
        Some(())
    }

    fn error(&mut self, head: Head) -> Option<()> {
        let is_fail = self.scan.has(b",\"type\":\"fail\",\"f\":\"");
        if !is_fail {
            self.scan.text(b",\"type\":\"info\",\"f\":\"")?;
        }
        let f = self.f()?;
        self.scan.text(b"\"error\":\"")?;
        let error = self.symbol()?;
        self.end(head, if is_fail { Kind::Fail(f, error) } else { Kind::Info(f, error) })
    }

    /// The name of an operation, and what stands between it and the members of `value`.
    #[inline(always)]
    fn f(&mut self) -> Option<F> {
        let scan = &mut self.scan;
        if scan.has(b"read\",\"value\":{") {
            Some(F::Read)
        } else if scan.has(b"register\",\"value\":{") {
            Some(F::Register)
        } else if scan.has(b"deregister\",\"value\":{") {
            Some(F::Deregister)
        } else if scan.has(b"report\",\"value\":{") {
            Some(F::Report)
        } else if scan.has(b"poll\",\"value\":{") {
            Some(F::Poll)
        } else {
            scan.has(b"renew_many\",\"value\":{").then_some(F::RenewMany)
        }
    }

    #[inline(always)]
    fn operation(&mut self, head: Head, f: F) -> Option<()> {
        match f {
            F::Read => {
                let mode = self.mode()?;
                let ns = self.ns()?;
                self.scan.text(b",\"svc\":\"")?;
                let service = self.symbol()?;
                self.end(head, Kind::Invoke(Operation::Read { ns, service, mode, floor: None }))
            }
            F::Register => self.register(head),
            F::Deregister => {
                self.scan.text(b"\"id\":\"")?;
                let id = self.symbol()?;
                self.scan.text(b",")?;
                let ns = self.ns()?;
                self.scan.text(b",\"svc\":\"")?;
                let service = self.symbol()?;
                self.end(head, Kind::Invoke(Operation::Deregister { ns, service, id }))
            }
            F::Report => {
                self.scan.text(b"\"check\":\"")?;
                let check = self.symbol()?;
                self.scan.text(b",")?;
                let ns = self.ns()?;
                self.scan.text(b",\"status\":\"")?;
                let status = self.status()?;
                self.end(head, Kind::Invoke(Operation::Report { ns, check, status }))
            }
            F::Poll => self.poll(head),
            F::RenewMany => {
                self.scan.text(b"\"checks\":[")?;
                let checks = self.ids()?;
                self.scan.text(b",")?;
                let ns = self.ns()?;
                self.end(head, Kind::Invoke(Operation::RenewMany { ns, checks }))
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn register(&mut self, head: Head) -> Option<()> {
        let checks = if self.scan.has(b"\"checks\":[") { self.specs()? } else { Span::default() };
        self.scan.text(b"\"id\":\"")?;
        let id = self.symbol()?;
        self.scan.text(b",\"nonce\":\"")?;
        let nonce = self.token()?;
        self.scan.text(b",")?;
        let ns = self.ns()?;
        self.scan.text(b",\"svc\":\"")?;
        let service = self.symbol()?;
        self.end(head, Kind::Invoke(Operation::Register { ns, service, id, nonce, checks }))
    }

    fn poll(&mut self, head: Head) -> Option<()> {
        self.scan.text(b"\"li\":")?;
        let li = self.scan.number()?;
        self.scan.text(b",")?;
        let mode = self.mode()?;
        let ns = self.ns()?;
        let passing = self.scan.has(b",\"passing\":true");
        if !passing {
            self.scan.has(b",\"passing\":false");
        }
        self.scan.text(b",\"svc\":\"")?;
        let service = self.symbol()?;
        self.scan.text(b",\"wait_ms\":")?;
        let wait_ms = self.scan.number_u32()?;
        self.end(head, Kind::Invoke(Operation::Poll { ns, service, mode, passing, wait_ms, li }))
    }

    #[inline(always)]
    fn answer(&mut self, head: Head, f: F) -> Option<()> {
        let checks = match f {
            F::Read | F::Poll => {
                let view = self.view()?;
                return self.end(head, Kind::Ok(f, Answer::View(view)));
            }
            F::Register if self.scan.has(b"\"checks\":[") => self.ids_before_more()?,
            F::RenewMany if self.scan.has(b"\"unknown\":[") => self.ids_before_more()?,
            F::Register | F::Deregister | F::Report | F::RenewMany => Span::default(),
            _ => return None,
        };
        self.scan.text(b"\"xi\":")?;
        let xi = self.scan.number()?;
        self.end(head, Kind::Ok(f, Answer::Written { xi, checks }))
    }

    fn ids_before_more(&mut self) -> Option<Span> {
        let ids = self.ids()?;
        self.scan.text(b",")?;
        Some(ids)
    }

    #[inline(always)]
    fn view(&mut self) -> Option<View> {
        self.scan.text(b"\"applied\":")?;
        let applied = self.scan.number()?;
        self.scan.text(b",\"body\":[")?;
        let body = self.rows()?;
        if !self.scan.has(b",\"known_leader\":true") {
            self.scan.has(b",\"known_leader\":false");
        }
        let has_contact = self.scan.has(b",\"last_contact_ms\":");
        let last_contact_ms = if has_contact { Some(self.scan.number_u32()?) } else { None };
        self.scan.text(b",\"xi\":")?;
        Some(View { xi: self.scan.number()?, applied, body, last_contact_ms })
    }

    /// The rows of a body up to its closing bracket.
    #[inline(always)]
    fn rows(&mut self) -> Option<Span> {
        if self.scan.has(b"]") {
            return Some(Span { start: self.batch.rows.len() as u32, len: 0 });
        }
        let text = self.scan.rest();
        let place = Bodies::place(text)?;
        if let Some((length, rows)) = self.bodies.find(place, text) {
            self.scan.skip(length)?;
            return Some(rows);
        }
        let start = self.batch.rows.len();
        self.scan.text(b"[\"")?;
        while self.row()? {}
        let rows = Span { start: start as u32, len: (self.batch.rows.len() - start) as u32 };
        self.bodies.keep(place, text.get(..text.len() - self.scan.rest().len())?, rows);
        Some(rows)
    }

    /// A row from behind its first quote to behind that of the next one; false: to the end of the body.
    #[inline(always)]
    fn row(&mut self) -> Option<bool> {
        let id = self.symbol()?;
        self.scan.text(b",\"")?;
        let nonce = self.token()?;
        self.scan.text(b",")?;
        let modify_index = self.scan.number()?;
        // Most rows of most histories: no check, and one more row.
        if self.scan.has(b",[]],[\"") {
            let checks = self.no_checks();
            self.batch.rows.push(Row { id, checks, nonce, modify_index });
            return Some(true);
        }
        self.scan.text(b",")?;
        let checks = self.checks()?;
        self.batch.rows.push(Row { id, checks, nonce, modify_index });
        if self.scan.has(b"],[\"") {
            return Some(true);
        }
        self.scan.text(b"]]")?;
        Some(false)
    }

    #[inline(always)]
    fn no_checks(&mut self) -> ChecksId {
        let tables = &mut *self.tables;
        ChecksId(tables.empty_list.get_or_insert_with(|| tables.check_lists.intern(b"[]")).0)
    }

    /// The number of a row's check list. Most rows have none, or repeat the list of the row before.
    #[inline(always)]
    fn checks(&mut self) -> Option<ChecksId> {
        if self.scan.has(b"[]") {
            return Some(self.no_checks());
        }
        if let Some(last) = self.tables.last_list
            && self.scan.same(self.tables.check_lists.bytes(last))
        {
            return Some(ChecksId(last.0));
        }
        self.other_checks()
    }

    fn other_checks(&mut self) -> Option<ChecksId> {
        let mut cursor = Cursor::new(self.scan.rest());
        check_list(&mut cursor, |_, _| ()).ok()?;
        let list = self.tables.check_lists.intern(cursor.since(0));
        self.tables.last_list = Some(list);
        self.scan.skip(cursor.position())?;
        Some(ChecksId(list.0))
    }

    /// Check ids up to the closing bracket.
    fn ids(&mut self) -> Option<Span> {
        let start = self.batch.symbols.len();
        if !self.scan.has(b"]") {
            loop {
                self.scan.text(b"\"")?;
                let id = self.symbol()?;
                self.batch.symbols.push(id);
                if !self.scan.has(b",") {
                    break;
                }
            }
            self.scan.text(b"]")?;
        }
        Some(Span { start: start as u32, len: (self.batch.symbols.len() - start) as u32 })
    }

    /// The checks of a registration up to the comma behind their closing bracket.
    fn specs(&mut self) -> Option<Span> {
        let start = self.batch.specs.len();
        loop {
            self.scan.text(b"{\"id\":\"")?;
            let id = self.symbol()?;
            let status = if self.scan.has(b",\"status\":\"") { Some(self.status()?) } else { None };
            let ttl_ms = if self.scan.has(b",\"ttl_ms\":") { Some(self.scan.number_u32()?) } else { None };
            self.scan.text(b"}")?;
            self.batch.specs.push(CheckSpec { id, ttl_ms, status });
            if !self.scan.has(b",") {
                break;
            }
        }
        self.scan.text(b"],")?;
        Some(Span { start: start as u32, len: (self.batch.specs.len() - start) as u32 })
    }

    /// From the end of `value` on the members of `x`: the key of a write stands before the others or behind them.
    #[inline(always)]
    fn extra(&mut self) -> Option<(Symbol, u32, Token)> {
        let is_key_first = !self.scan.has(b"},\"x\":{\"node\":\"");
        let mut key = Token::NONE;
        if is_key_first {
            self.scan.text(b"},\"x\":{\"key\":\"")?;
            key = self.token()?;
            self.scan.text(b",\"node\":\"")?;
        }
        let node = self.symbol()?;
        self.scan.text(b",\"op\":")?;
        let op = self.scan.number_u32()?;
        if !is_key_first && self.scan.has(b",\"key\":\"") {
            key = self.token()?;
        }
        Some((node, op, key))
    }

    /// A mode and the comma behind it; without one it is the default.
    #[inline(always)]
    fn mode(&mut self) -> Option<Mode> {
        if !self.scan.has(b"\"mode\":\"") {
            return Some(Mode::Default);
        }
        let mode = if self.scan.has(b"default") {
            Mode::Default
        } else if self.scan.has(b"consistent") {
            Mode::Consistent
        } else {
            self.scan.text(b"stale")?;
            Mode::Stale
        };
        self.scan.text(b"\",")?;
        Some(mode)
    }

    /// A status and its closing quote.
    fn status(&mut self) -> Option<Status> {
        let all = [Status::Passing, Status::Warning, Status::Critical, Status::Unknown];
        let status = all.into_iter().find(|status| self.scan.same(status.word().as_bytes()))?;
        self.scan.text(b"\"")?;
        Some(status)
    }

    #[inline(always)]
    fn ns(&mut self) -> Option<Symbol> {
        self.scan.text(b"\"ns\":\"")?;
        self.symbol()
    }

    #[inline(always)]
    fn symbol(&mut self) -> Option<Symbol> {
        self.scan.symbol(&mut self.tables.names)
    }

    #[inline(always)]
    fn token(&mut self) -> Option<Token> {
        self.scan.token(&mut self.tables.names)
    }
}
