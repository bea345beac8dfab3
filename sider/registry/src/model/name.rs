//! Names. Their text is shared: a copy of a key, a record or the whole state copies no text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::Invalid;
use crate::limits;

/// A name: `[A-Za-z0-9._-]{1,128}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// The text is empty, longer than [`limits::NAME_LEN_MAX`] or holds another character.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let right = "a name is 1 to 128 characters of A-Z a-z 0-9 . _ -";
        if text.is_empty() {
            return Err(Invalid::new("name", format!("is empty; {right}")));
        }
        if text.len() > limits::NAME_LEN_MAX {
            return Err(Invalid::new("name", format!("has {} bytes; {right}", text.len())));
        }
        if let Some(c) = text.chars().find(|c| !is_name_character(*c)) {
            return Err(Invalid::new("name", format!("holds {c:?}; {right}")));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Id of a check, unique in its namespace: `[A-Za-z0-9._:/-]{1,288}`. The client's, or derived from the instance's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct CheckId(Arc<str>);

impl CheckId {
    /// Parses a check id.
    ///
    /// # Errors
    /// The text is empty, longer than [`limits::CHECK_ID_LEN_MAX`] or holds another character.
    pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let right = "a check id is 1 to 288 characters of A-Z a-z 0-9 . _ : / -";
        if text.is_empty() || text.len() > limits::CHECK_ID_LEN_MAX {
            return Err(Invalid::new("CheckID", format!("has {} bytes; {right}", text.len())));
        }
        match text.chars().find(|c| !(is_name_character(*c) || matches!(c, ':' | '/'))) {
            Some(c) => Err(Invalid::new("CheckID", format!("holds {c:?}; {right}"))),
            None => Ok(Self(text.into())),
        }
    }

    /// An id made of names and the characters `:` and `/`.
    pub(crate) fn derived(text: String) -> Self {
        Self::parse(text).expect("an id derived from names is valid (limits asserts the length)")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tenant. The default is `default`; the same service name in two namespaces is two services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(pub Name);

/// Name of a service inside its namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceName(pub Name);

/// Id of an instance inside its service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub Name);

impl ServiceName {
    /// Before every service name: where a range over all services of a namespace begins.
    pub(crate) fn before_all() -> Self {
        Self(Name("".into()))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self(Name("default".into()))
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What every kind of name can do: be parsed from text and be written as text.
macro_rules! text_conversions {
    ($($kind:ident by $parse:ident),+) => {$(
        impl TryFrom<String> for $kind {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::$parse(text)
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.as_str().to_owned()
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

macro_rules! names_in_a_role {
    ($($kind:ident, $field:literal);+) => {$(
        impl $kind {
            /// Parses a name in this role.
            ///
            /// # Errors
            /// As [`Name::new`]; the error names the role.
            pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
                Name::new(text).map(Self).map_err(|invalid| invalid.named($field))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }
    )+};
}

names_in_a_role!(Namespace, "namespace"; ServiceName, "service"; InstanceId, "id");
text_conversions!(Name by new, Namespace by parse, ServiceName by parse, InstanceId by parse, CheckId by parse);
