//! JSON objects with known keys: matched without regard to case and underscores, each taken once, unknown ones refused.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sider_client::duration;
use sider_registry::model::Invalid;

use super::nearest::nearest;

/// What an object may hold. Names are in lower case without underscores.
#[derive(Debug)]
pub(in crate::http) struct Keys {
    /// Read by the decoder.
    pub(in crate::http) read: &'static [&'static str],
    /// Consul's, without a meaning here that could be missed: taken and dropped.
    pub(in crate::http) dropped: &'static [&'static str],
    /// Consul's, which Sider does not implement and which would change what the registration means: an empty value is
    /// what Consul does by default and is taken, any other is refused with the reason.
    pub(in crate::http) refused: &'static [(&'static str, &'static str)],
}

/// An object's fields, by known name.
#[derive(Debug)]
pub(in crate::http) struct Fields {
    at: String,
    fields: BTreeMap<String, Field>,
}

/// One field with the name as the client wrote it and the path to it: `Checks[2].TTL`.
#[derive(Debug)]
pub(in crate::http) struct Field {
    pub(in crate::http) path: String,
    pub(in crate::http) value: Value,
}

impl Fields {
    /// Parses a request body.
    pub(in crate::http) fn parse(body: &[u8], keys: &Keys) -> Result<Self, Invalid> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Invalid::new("body", "is empty; a JSON object is expected"));
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Invalid::new("body", format!("is not JSON: {error}; a JSON object is expected")))?;
        Self::open(Field { path: String::new(), value }, keys)
    }

    /// Opens an object: every key must be known.
    pub(in crate::http) fn open(object: Field, keys: &Keys) -> Result<Self, Invalid> {
        let Value::Object(map) = object.value else {
            return Err(wrong_type(&object, "an object like {\"key\": \"value\"}"));
        };
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        for (written, value) in map {
            let name: String = written.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
            let field = Field { path: join(&object.path, &written), value };
            if let Some((_, why)) = keys.refused.iter().find(|(refused, _)| *refused == name) {
                if !is_empty(&field.value) {
                    return Err(Invalid::new(field.path, format!("is not supported: {why}")));
                }
                continue;
            }
            if keys.dropped.contains(&name.as_str()) {
                continue;
            }
            if !keys.read.contains(&name.as_str()) {
                return Err(unknown(field.path, &name, keys));
            }
            if let Some(first) = fields.get(&name) {
                let problem = format!("is the same field as {:?}; write it once", first.path);
                return Err(Invalid::new(field.path, problem));
            }
            fields.insert(name, field);
        }
        fields.retain(|_, field| !field.value.is_null());
        Ok(Self { at: object.path, fields })
    }

    /// The path of a field that is missing.
    pub(in crate::http) fn path(&self, name: &str) -> String {
        join(&self.at, name)
    }

    /// The object's own path.
    pub(in crate::http) fn at(&self) -> &str {
        if self.at.is_empty() { "body" } else { &self.at }
    }

    /// Takes a field; `null` counts as absent. Of several names for one thing only one may be there.
    pub(in crate::http) fn take(&mut self, names: &[&str]) -> Result<Option<Field>, Invalid> {
        let mut taken: Option<Field> = None;
        for name in names {
            let Some(field) = self.fields.remove(*name) else { continue };
            if let Some(first) = &taken {
                return Err(Invalid::new(field.path, format!("means the same as {:?}; write one of them", first.path)));
            }
            taken = Some(field);
        }
        Ok(taken)
    }

    /// Takes a text; an empty one counts as absent, as it does for Go's clients.
    pub(in crate::http) fn text(&mut self, names: &[&str]) -> Result<Option<Text>, Invalid> {
        let Some(field) = self.take(names)? else { return Ok(None) };
        let text = field.text()?;
        Ok((!text.text.is_empty()).then_some(text))
    }

    /// Takes a duration: Go's text, or a number of nanoseconds.
    pub(in crate::http) fn duration(&mut self, names: &[&str]) -> Result<Option<(String, Duration)>, Invalid> {
        let Some(field) = self.take(names)? else { return Ok(None) };
        let parsed = match &field.value {
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => {
                duration::parse(text).map_err(|error| Invalid::new(field.path.clone(), error.to_string()))?
            }
            Value::Number(number) => match number.as_u64() {
                Some(ns) => Duration::from_nanos(ns),
                None => return Err(wrong_type(&field, "a duration like \"15s\", or whole nanoseconds")),
            },
            _ => return Err(wrong_type(&field, "a duration like \"15s\"")),
        };
        Ok(Some((field.path, parsed)))
    }

    /// Takes a list; absent is empty. The elements' paths are `name[0]`, `name[1]`, ..
    pub(in crate::http) fn list(&mut self, names: &[&str]) -> Result<Vec<Field>, Invalid> {
        let Some(field) = self.take(names)? else { return Ok(Vec::new()) };
        let Value::Array(values) = field.value else {
            return Err(wrong_type(&field, "a list like [..]"));
        };
        let path = field.path;
        Ok(values.into_iter().enumerate().map(|(i, value)| Field { path: format!("{path}[{i}]"), value }).collect())
    }

    /// Takes a whole number up to `max`.
    pub(in crate::http) fn number(&mut self, names: &[&str], max: u64) -> Result<Option<u64>, Invalid> {
        let Some(field) = self.take(names)? else { return Ok(None) };
        match field.value.as_u64() {
            Some(number) if number <= max => Ok(Some(number)),
            _ => Err(wrong_type(&field, &format!("a whole number from 0 to {max}"))),
        }
    }

    /// Takes `true` or `false`; absent is false.
    pub(in crate::http) fn flag(&mut self, names: &[&str]) -> Result<bool, Invalid> {
        let Some(field) = self.take(names)? else { return Ok(false) };
        field.value.as_bool().ok_or_else(|| wrong_type(&field, "true or false"))
    }
}

/// A text and the path to it.
#[derive(Debug)]
pub(in crate::http) struct Text {
    pub(in crate::http) path: String,
    pub(in crate::http) text: String,
}

impl Text {
    /// Parses the text; an error gets the field's path instead of the parser's own name for it.
    pub(in crate::http) fn parse<T>(self, parse: impl FnOnce(String) -> Result<T, Invalid>) -> Result<T, Invalid> {
        parse(self.text).map_err(|error| Invalid { field: self.path, ..error })
    }
}

impl Field {
    /// The value as a text.
    pub(in crate::http) fn text(self) -> Result<Text, Invalid> {
        match self.value {
            Value::String(text) => Ok(Text { path: self.path, text }),
            _ => Err(wrong_type(&self, "a text like \"..\"")),
        }
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

fn unknown(path: String, name: &str, keys: &Keys) -> Invalid {
    let problem = match nearest(name, keys.read.iter().copied()) {
        Some(near) => format!("unknown field; did you mean {near:?}?"),
        None => format!("unknown field; known are {}", keys.read.join(", ")),
    };
    Invalid::new(path, problem)
}

fn wrong_type(field: &Field, right: &str) -> Invalid {
    let is = match &field.value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a truth value".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    let path = if field.path.is_empty() { "body" } else { &field.path };
    Invalid::new(path, format!("is {is}; {right} is expected"))
}

/// What Consul's clients send for a field that was not set.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}
