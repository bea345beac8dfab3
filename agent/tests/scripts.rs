//! The core by scripts: `scripts/*.txt` hold commands and, after `----`, the whole of what the core then asks for.
//! `UPDATE_SCRIPTS=1 cargo test -p sider-agent --test scripts` writes what it asks for into the files, for review.
//!
//! | command | what |
//! |---|---|
//! | `start` + JSON | a new agent with this configuration, and with the memory of the one before, if it died |
//! | `reload` + JSON | another configuration |
//! | `until 10s` | time goes on, through everything that is due |
//! | `suspended until 10m` | time goes on without the agent |
//! | `register ID ok CHECK..` / `refused` / `unknown` / `unreachable` | a registration is over |
//! | `deregister ID ok` / `unknown-id` / `unknown` | a deregistration is over |
//! | `report NS ok` / `lost CHECK..` / `unknown` | a batch is over |
//! | `probe cN passing` / `warning` / `critical` | a run is over |
//! | `auto on` / `off` | registrations, batches and runs succeed at once |
//! | `stop leave` / `stay`, `die`, `show` | the end; a kill; the state |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sider_agent::config::{AgentConfig, Target};
use sider_agent::core::{Action, CheckNo, Core, Goal, Measured, Memory, Report};
use sider_client::wire::{ErrorCode, RenewOutcome};
use sider_client::{Outcome, duration};
use sider_registry::model::{CheckId, InstanceKey, Name, Namespace, Status};

#[test]
fn scripts_give_the_actions_they_hold() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&dir).expect("the scripts are there").map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let update = std::env::var_os("UPDATE_SCRIPTS").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let ran = run_script(&text);
        if update {
            std::fs::write(&file, &ran).expect("writable");
        } else if ran != text {
            let line = text.lines().zip(ran.lines()).take_while(|(held, got)| held == got).count();
            let (held, got) = (text.lines().nth(line), ran.lines().nth(line));
            wrong.push(format!("{}:{}: holds {held:?}, got {got:?}", file.display(), line + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs a script and gives it back with the outputs that it should hold.
fn run_script(text: &str) -> String {
    let mut player = Player::default();
    let mut out = String::new();
    for block in text.trim_end().split("\n\n") {
        let (input, _) = block.split_once("\n----").unwrap_or((block, ""));
        out.push_str(input);
        let mut lines = input.lines().skip_while(|line| line.starts_with('#'));
        if let Some(command) = lines.next() {
            let body: Vec<&str> = lines.collect();
            player.play(command, &body.join("\n"));
            out.push_str("\n----\n");
            out.push_str(&std::mem::take(&mut player.out));
        } else {
            out.push('\n');
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

#[derive(Default)]
struct Player {
    core: Option<Core>,
    now: Duration,
    memory: Memory,
    auto: bool,
    registering: BTreeMap<String, (InstanceKey, usize)>,
    leaving: BTreeMap<String, InstanceKey>,
    probing: BTreeMap<u64, CheckNo>,
    batches: BTreeMap<String, (Namespace, Vec<Report>)>,
    out: String,
}

impl Player {
    fn core(&mut self) -> &mut Core {
        self.core.as_mut().expect("a script begins with start")
    }

    fn play(&mut self, command: &str, body: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let now = self.now;
        match words[..] {
            ["start"] => {
                let core = Core::new(7, self.memory.clone());
                *self = Self { core: Some(core), memory: self.memory.clone(), ..Self::default() };
                self.core().configure(Duration::ZERO, &config(body));
            }
            ["reload"] => self.core().configure(now, &config(body)),
            ["until", at] => return self.until(duration::parse(at).expect("a moment")),
            ["suspended", "until", at] => self.now = duration::parse(at).expect("a moment"),
            ["register", id, ref result @ ..] => {
                let (key, _) = self.registering.remove(id).expect("a registration is under way");
                self.core().registered(
                    now,
                    &key,
                    outcome(result, |words| words.iter().map(|id| check_id(id)).collect()),
                );
            }
            ["deregister", id, ref result @ ..] => {
                let key = self.leaving.remove(id).expect("a deregistration is under way");
                self.core().deregistered(now, &key, outcome(result, |_| ()));
            }
            ["report", namespace, "lost", ref lost @ ..] => self.answer_batch(namespace, lost),
            ["report", namespace, "ok"] => self.answer_batch(namespace, &[]),
            ["report", namespace, ref result @ ..] => {
                let (namespace, _) = self.batches.remove(namespace).expect("a batch is under way");
                self.core().reported(now, &namespace, outcome(result, |_| Vec::new()));
            }
            ["probe", check, status] => {
                let no = check.strip_prefix('c').and_then(|no| no.parse().ok()).expect("a check like c0");
                let no = self.probing.remove(&no).expect("a run is under way");
                self.core().probed(now, no, Measured { status: status_of(status), output: format!("it is {status}") });
            }
            ["auto", on] => self.auto = on == "on",
            ["stop", how] => self.core().stop(now, how == "leave"),
            ["die"] => self.memory = self.core().memory(),
            ["show"] => return self.show(),
            _ => panic!("no such command: {command}"),
        }
        self.poll();
    }

    fn answer_batch(&mut self, namespace: &str, lost: &[&str]) {
        let (namespace, reports) = self.batches.remove(namespace).expect("a batch is under way");
        let result = |report: &Report| {
            if lost.contains(&report.id.as_str()) { RenewOutcome::Unknown } else { RenewOutcome::Ok }
        };
        let results = reports.iter().map(result).collect();
        let now = self.now;
        self.core().reported(now, &namespace, Outcome::Ok(results));
    }

    fn until(&mut self, end: Duration) {
        self.poll();
        while let Some(due) = self.core().next_due().filter(|due| *due <= end) {
            assert!(due >= self.now, "what was due at {due:?} is still there at {:?}", self.now);
            self.now = due;
            self.poll();
        }
        self.now = end;
    }

    fn poll(&mut self) {
        loop {
            let now = self.now;
            let actions = self.core().poll(now);
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.take(action);
            }
            if !self.auto {
                break;
            }
            self.answer_all();
        }
        if self.core().is_drained() {
            self.line("drained");
        }
    }

    fn take(&mut self, action: Action) {
        match action {
            Action::Register { instance, request, key } => {
                let kinds: Vec<&str> = request.checks.iter().map(|check| check.kind).collect();
                let (name, key) = (name(&instance), counter(&key));
                self.line(&format!(
                    "register {name} {}:{} [{}] key {key}",
                    request.address,
                    request.port,
                    kinds.join(" ")
                ));
                self.registering.insert(instance.id.0.as_str().into(), (instance, kinds.len()));
            }
            Action::Deregister { instance, key } => {
                self.line(&format!("deregister {} key {}", name(&instance), counter(&key)));
                self.leaving.insert(instance.id.0.as_str().into(), instance);
            }
            Action::Report { namespace, reports } => {
                let said: Vec<String> =
                    reports.iter().map(|report| format!("{} {:?}", report.id.as_str(), report.status)).collect();
                self.line(&format!("report {}: {}", namespace.0.as_str(), said.join(", ")));
                self.batches.insert(namespace.0.as_str().into(), (namespace, reports));
            }
            Action::Probe { check, target, timeout } => {
                let target = match target {
                    Target::Http(url) => format!("http {url}"),
                    Target::Tcp(address) => format!("tcp {address}"),
                    Target::Cmd(args) => format!("cmd {}", args.join(" ")),
                };
                self.line(&format!("probe c{} {target} for {}", check.0, duration::format(timeout)));
                self.probing.insert(check.0, check);
            }
        }
    }

    fn answer_all(&mut self) {
        let now = self.now;
        for (id, (key, checks)) in std::mem::take(&mut self.registering) {
            let ids = (1..=checks).map(|n| check_id(&format!("{id}:{n}"))).collect();
            self.core().registered(now, &key, Outcome::Ok(ids));
        }
        for (_, key) in std::mem::take(&mut self.leaving) {
            self.core().deregistered(now, &key, Outcome::Ok(()));
        }
        for (_, no) in std::mem::take(&mut self.probing) {
            self.core().probed(now, no, Measured { status: Status::Passing, output: "fine".into() });
        }
        for namespace in self.batches.keys().cloned().collect::<Vec<_>>() {
            self.answer_batch(&namespace, &[]);
        }
    }

    fn show(&mut self) {
        let mut text = String::new();
        let core = self.core.as_ref().expect("a script begins with start");
        for instance in core.instances() {
            let goal = if instance.goal == Goal::Absent { "shall go" } else { "shall be there" };
            let settled = if instance.settled { "is so" } else { "is not known to be so" };
            let refused = instance.refused.as_deref().map(|why| format!(": refused: {why}")).unwrap_or_default();
            let _ = writeln!(text, "{}: {goal}, {settled}{refused}", name(&instance.key));
            for check in core.checks_of(instance) {
                let id = check.id.as_ref().map_or("no id", |id| id.as_str());
                let _ = writeln!(text, "  {id}: {:?}, acknowledged {:?}", check.status, check.acknowledged);
            }
        }
        self.out.push_str(&text);
    }

    fn line(&mut self, text: &str) {
        let at = Duration::from_millis(u64::try_from(self.now.as_millis()).expect("short"));
        let _ = writeln!(self.out, "{} {text}", duration::format(at));
    }
}

fn config(body: &str) -> AgentConfig {
    let parsed = AgentConfig::parse(body).unwrap_or_else(|error| panic!("{error}"));
    parsed.on_node(&Name::new("host-a").expect("a name"))
}

fn outcome<T>(words: &[&str], answer: impl FnOnce(&[&str]) -> T) -> Outcome<T> {
    let rejected = |code, status| Outcome::Rejected { code, status, text: "no".into() };
    match words {
        ["ok", rest @ ..] => Outcome::Ok(answer(rest)),
        ["refused"] => rejected(Some(ErrorCode::Conflict), 409),
        ["unknown-id"] => rejected(Some(ErrorCode::UnknownId), 404),
        ["no-leader"] => rejected(Some(ErrorCode::NoLeader), 503),
        ["unreachable"] => rejected(None, 0),
        ["unknown"] => Outcome::Unknown("no answer within 2s".into()),
        _ => panic!("no such outcome: {words:?}"),
    }
}

fn status_of(word: &str) -> Status {
    match word {
        "passing" => Status::Passing,
        "warning" => Status::Warning,
        "critical" => Status::Critical,
        _ => panic!("no such status: {word}"),
    }
}

fn check_id(text: &str) -> CheckId {
    CheckId::try_from(text.to_owned()).expect("a check id")
}

fn name(key: &InstanceKey) -> String {
    format!("{}/{}/{}", key.namespace.0.as_str(), key.service.0.as_str(), key.id.0.as_str())
}

/// The prefix of a key is random; its counter says what a script wants to know: the same write or a new one.
fn counter(key: &str) -> &str {
    key.split_once('-').expect("prefix and counter").1
}
