//! Where a value stands in the file: `services[2].checks[0].ttl`, and on which line. The line is found by walking the
//! text, which is known to be JSON by then.

use std::fmt;

/// A path from the file's outer object to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(&'static str),
    Item(usize),
}

impl Place {
    pub(crate) const fn root() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn key(&self, key: &'static str) -> Self {
        self.with(Step::Key(key))
    }

    pub(crate) fn item(&self, n: usize) -> Self {
        self.with(Step::Item(n))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The line, from 1, of the last step that exists: a missing key is reported where its object begins.
    pub(crate) fn line_in(&self, text: &str) -> usize {
        let mut walk = Walk { bytes: text.as_bytes(), at: 0 };
        walk.skip_space();
        for step in &self.0 {
            let before = walk.at;
            let found = match step {
                Step::Key(key) => walk.enter_key(key),
                Step::Item(n) => walk.enter_item(*n),
            };
            if !found {
                walk.at = before;
                break;
            }
        }
        1 + text.as_bytes()[..walk.at].iter().filter(|byte| **byte == b'\n').count()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if n == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}

/// Walks over valid JSON. On anything else it stops where it is: the line is then a near one, never a panic.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// From `{` to the value of `key`.
    fn enter_key(&mut self, key: &str) -> bool {
        if self.peek() != b'{' {
            return false;
        }
        self.at += 1;
        loop {
            self.skip_space();
            if self.peek() != b'"' {
                return false;
            }
            let begin = self.at;
            self.skip_value();
            let name = self.bytes.get(begin + 1..self.at.saturating_sub(1)).unwrap_or_default();
            let matches = name == key.as_bytes();
            self.skip_space();
            self.at += 1; // the colon
            self.skip_space();
            if matches {
                return true;
            }
            self.skip_value();
            if !self.skip_comma() {
                return false;
            }
        }
    }

    /// From `[` to its n-th item.
    fn enter_item(&mut self, n: usize) -> bool {
        if self.peek() != b'[' {
            return false;
        }
        self.at += 1;
        self.skip_space();
        for _ in 0..n {
            self.skip_value();
            if !self.skip_comma() {
                return false;
            }
        }
        self.peek() != b']'
    }

    fn skip_comma(&mut self) -> bool {
        self.skip_space();
        let comma = self.peek() == b',';
        if comma {
            self.at += 1;
            self.skip_space();
        }
        comma
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                0 => return,
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                _ if depth > 0 => self.at += 1,
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => return,
                _ => {
                    // A number or a word: to its end.
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        loop {
            match self.peek() {
                0 => return,
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }
}
