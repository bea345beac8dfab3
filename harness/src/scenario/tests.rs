use std::time::Duration;

use super::parse;

const HEAD: &str = "name = \"x\"\nabout = \"y\"\n";
const TAIL: &str = "[[workload]]\nkind = \"registry\"\n[phases]\nrun = \"5s\"\n[expect]\nmin = { acked_writes = 1 }\n";

/// The error of a scenario with `part` in line 3.
fn error(part: &str) -> String {
    match parse("s.toml", &format!("{HEAD}{part}\n{TAIL}")) {
        Ok(_) => "no error".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_small_scenario_has_defaults_for_the_rest() {
    let scenario = parse("s.toml", &format!("{HEAD}{TAIL}")).expect("valid");
    assert_eq!((scenario.cluster.servers, scenario.workloads.len(), scenario.faults.len()), (3, 1, 0));
    let ms = Duration::from_millis;
    assert_eq!((scenario.cluster.step, scenario.cluster.latency), (ms(2), (ms(2), ms(5))));
    let coarse = parse("s.toml", &format!("{HEAD}[cluster]\nstep = \"10ms\"\n{TAIL}")).expect("valid");
    assert_eq!(coarse.cluster.latency, (ms(10), ms(10)), "no message takes less than a step");
}

/// A part of a scenario, and the error that it is.
const ERRORS: &[(&str, &str)] = &[
    ("[cluster]\nserver = 3", "s.toml:4: cluster.server: unknown key \"server\": did you mean \"servers\"?"),
    ("[cluster]\nservers = 40", "s.toml:4: cluster.servers: 40 is not a whole number from 1 to 9"),
    (
        "[cluster]\nsync = [\"4ms\", \"1ms\"]",
        "s.toml:4: cluster.sync: [\"4ms\", \"1ms\"] is not [lowest, highest]: the first is above the second",
    ),
    ("[cluster]\nstep = \"1500us\"", "s.toml:4: cluster.step: 1.5ms is no whole number of milliseconds"),
    (
        "[cluster]\nstep = \"3ms\"\nlatency = \"2ms\"",
        "s.toml:5: cluster.latency: \"2ms\" is not a duration from 3ms to 10s",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crush\"",
        "s.toml:5: fault[0].do: unknown fault \"crush\": did you mean \"crash\"?",
    ),
    (
        "[[fault]]\nat = \"1\"\ndo = \"crash\"",
        "s.toml:4: fault[0].at: \"1\" is not a duration such as \"300ms\", \"5s\" or \"1m30s\"",
    ),
    ("[[fault]]\ndo = \"crash\"", "s.toml:3: fault[0].at: a fault needs either at = \"5s\" or when = { event = .. }"),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crash\"\nshape = \"one\"",
        "s.toml:6: fault[0].shape: unknown key \"shape\": known are at, when, every, times, for, do, target",
    ),
    (
        "[[fault]]\nwhen = { event = \"expired\" }\ndo = \"crash\"",
        "s.toml:4: fault[0].when.event: unknown event \"expired\": did you mean \"expire\"?",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crash\"\ntarget = \"leadr\"",
        "s.toml:6: fault[0].target: unknown target \"leadr\": did you mean \"leader\"?",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crash\"\ntarget = \"n9\"",
        "s.toml:6: fault[0].target: unknown server \"n9\": this cluster has n1, n2, n3",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crash\"\ntarget = \"here\"",
        "s.toml:6: fault[0].target: \"here\" is where an event happened: it needs when = { .. }",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"partition\"\nshape = \"agents\"\ntarget = \"leader\"",
        "s.toml:7: fault[0].target: shape \"agents\" cuts off agents: the target is \"any\", \"all\", \"agent-0\" or a list",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"partition\"\nshape = \"agents\"\ntarget = \"agent-0\"",
        "s.toml:7: fault[0].target: unknown agent \"agent-0\": this scenario has none",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"partition\"\nshape = \"agents\"",
        "s.toml:7: workload: shape \"agents\" cuts off agents: it needs a [[workload]] of kind \"agents\"",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"lose-everything\"",
        "s.toml:6: workload: lose-everything voids what recorded clients were promised: use it with agents only",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"lose-everything\"\ntarget = \"n1\"",
        "s.toml:6: fault[0].target: lose-everything strikes all servers: leave the target out",
    ),
    (
        "[[workload]]\nkind = \"agents\"\n[[workload]]\nkind = \"agents\"",
        "s.toml:3: workload: at most one [[workload]] can be of kind \"agents\"",
    ),
    ("[random]\nfamilies = [\"nett\"]", "s.toml:4: random.families[0]: unknown family \"nett\": did you mean \"net\"?"),
    (
        "[cluster]\nelection = \"150ms\"",
        "s.toml:4: cluster.election: an election time-out of 150ms is not above two heartbeats (100ms)",
    ),
    ("[[fault]]\nat = \"5s\"\ndo = \"crash\"", "s.toml:4: fault[0].at: never strikes: the phase run is over after 5s"),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crash\"\ntarget = []",
        "s.toml:6: fault[0].target: empty: name at least one machine",
    ),
    (
        "[[fault]]\nat = \"1s\"\ndo = \"crash\"\ntarget = [\"n1\", \"n1\"]",
        "s.toml:6: fault[0].target: names \"n1\" twice",
    ),
    (
        "[[fault]]\nwhen = { event = \"leader\" }\nevery = \"1s\"\ndo = \"crash\"",
        "s.toml:5: fault[0].every: a trigger strikes each time that it happens: every is for faults at a fixed time",
    ),
    ("[[fault]]\natt = \"1s\"\ndo = \"crash\"", "s.toml:4: fault[0].att: unknown key \"att\": did you mean \"at\"?"),
    (
        "[[fault]]\nat = \"1s\"\nfor = \"2562047h\"\ndo = \"crash\"",
        "s.toml:5: fault[0].for: \"2562047h\" is not a duration of at most 24h",
    ),
    ("[cluster]\nheartbeat = \"0s\"", "s.toml:4: cluster.heartbeat: \"0s\" is not a duration from 10ms to 10s"),
    (
        "[cluster.clock]\nn9 = { rate = 1.1 }",
        "s.toml:3: cluster.clock: unknown server \"n9\": this cluster has n1, n2, n3",
    ),
    (
        "[[workload]]\nkind = \"registry\"\nmix = { regster = 1 }",
        "s.toml:5: workload[0].mix.regster: unknown key \"regster\": did you mean \"register\"?",
    ),
    (
        "[[workload]]\nkind = \"registry\"\nmodes = { stale = 0 }",
        "s.toml:5: workload[0].modes: all weights are 0: give at least one mode a weight",
    ),
    (
        "[[workload]]\nkind = \"watchers\"\nwait = \"0s\"",
        "s.toml:5: workload[0].wait: \"0s\" is not a duration from 10ms to 10m0s",
    ),
    (
        "[[workload]]\nkind = \"agents\"\nttl = \"0s\"",
        "s.toml:5: workload[0].ttl: \"0s\" is not a duration from 100ms to 1h0m0s",
    ),
];

#[test]
fn a_misspelt_key_that_is_needed_is_named() {
    let text = format!("{HEAD}{TAIL}").replace("run =", "runn =");
    let error = parse("s.toml", &text).expect_err("there is no run").to_string();
    assert_eq!(error, "s.toml:6: phases.runn: unknown key \"runn\": did you mean \"run\"?");
}

#[test]
fn a_name_is_that_of_a_file() {
    for name in ["", ".", "../up", "a/b", "a b"] {
        let text = format!("{HEAD}{TAIL}").replace("\"x\"", &format!("{name:?}"));
        let error = parse("s.toml", &text).expect_err(name).to_string();
        assert!(error.starts_with("s.toml:1: name: a name has 1 to 100 letters"), "{error}");
    }
}

#[test]
fn a_run_of_no_time_and_one_of_years_are_refused() {
    for run in ["0s", "87600h", "1001h"] {
        let text = format!("{HEAD}{TAIL}").replace("5s", run);
        assert!(parse("s.toml", &text).is_err(), "{run}");
    }
}

#[test]
fn errors_name_line_key_and_the_nearest_right_name() {
    for (part, expected) in ERRORS {
        assert_eq!(error(part), *expected, "for {part}");
    }
}

#[test]
fn what_is_no_toml_at_all_has_its_line_too() {
    let error = error("[cluster");
    assert!(error.starts_with("s.toml:3: TOML: "), "{error}");
}

#[test]
fn a_scenario_that_could_pass_without_testing_anything_is_refused() {
    let text = format!("{HEAD}[[workload]]\nkind = \"registry\"\n[phases]\nrun = \"5s\"\n[expect]\n");
    let error = parse("s.toml", &text).expect_err("nothing is expected").to_string();
    assert!(error.starts_with("s.toml:7: expect.min: missing"), "{error}");
}
