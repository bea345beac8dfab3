//! Every route and every bad input against a real server: status, headers and body are pinned.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod connections;
mod polls;
mod program;
mod routes;

use support::{Reply, Server};

/// An answer as the snapshots hold it; what varies between two runs is left out.
fn shown(server: &Server, asked: &str, reply: &Reply) -> String {
    let mut text = format!("> {asked}\n{}\n", reply.status);
    for (name, value) in &reply.headers {
        let value = match name.as_str() {
            "date" => "<date>",
            "x-last-contact" | "x-consul-lastcontact" => "<ms>",
            "connection" => continue,
            _ => value,
        };
        text.push_str(&format!("{name}: {value}\n"));
    }
    format!("{text}\n{}\n", reply.body.trim_end().replace(&server.raft, "<raft address>"))
}

/// Pins a text. The requests stand in it already: the snapshot need not repeat the expression.
fn pin(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Asks one request after another, each written as `METHOD target body`, and shows the answers.
fn session(server: &Server, requests: &[&str]) -> String {
    let answers = requests.iter().map(|asked| {
        let mut words = asked.splitn(3, ' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let reply = support::ask(server.http, method, target, words.next().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{asked}: {error}"));
        shown(server, asked, &reply)
    });
    answers.collect::<Vec<_>>().join("\n")
}
