//! A generated history before it becomes text: lines that a test can bend.

use std::io::{self, Write};

use serde_json::Value;

use crate::history::{History, HistoryError, parse_history};

/// `type` of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// One line of a history, without its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// ns.
    pub time: u64,
    /// `None`: the nemesis.
    pub process: Option<u32>,
    pub kind: Kind,
    pub f: String,
    pub value: Value,
    /// Number of the call, equal on its two lines.
    pub op: u32,
    pub node: String,
    pub key: Option<String>,
}

impl Line {
    /// Writes the line as JSON, with the number `index`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, index: usize, out: &mut impl Write) -> io::Result<()> {
        write!(out, r#"{{"index":{index},"time":{},"process":"#, self.time)?;
        match self.process {
            Some(process) => write!(out, "{process}")?,
            None => write!(out, r#""nemesis""#)?,
        }
        write!(out, r#","type":"{}","f":"{}","value":{}"#, self.kind.word(), self.f, self.value)?;
        match (self.process, &self.key) {
            (None, _) => writeln!(out, r#","x":{{"outcome":"installed"}}}}"#),
            (_, Some(key)) => writeln!(out, r#","x":{{"node":"{}","op":{},"key":"{key}"}}}}"#, self.node, self.op),
            (_, None) => writeln!(out, r#","x":{{"node":"{}","op":{}}}}}"#, self.node, self.op),
        }
    }
}

/// A history as lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    pub lines: Vec<Line>,
}

impl Recording {
    /// The JSONL text; lines are numbered by their position.
    pub fn to_jsonl(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.lines.len() * 160);
        for (index, line) in self.lines.iter().enumerate() {
            line.write(index, &mut text).expect("writing to memory does not fail");
        }
        text
    }

    /// Through the text and the parser, as a file would go.
    ///
    /// # Errors
    /// The recording breaks a rule of the format.
    pub fn to_history(&self) -> Result<History, HistoryError> {
        parse_history(&self.to_jsonl())
    }

    /// The position of the call's other line.
    pub fn other_line(&self, at: usize) -> Option<usize> {
        let op = self.lines[at].op;
        let is_client = self.lines[at].process.is_some();
        (0..self.lines.len()).find(|&other| {
            other != at && is_client && self.lines[other].process.is_some() && self.lines[other].op == op
        })
    }
}
