//! The file's keys as they are written. Unknown keys and wrong JSON types are refused here, values later.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, LogFormat};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) servers: Option<Vec<String>>,
    pub(super) node_name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) data_dir: Option<String>,
    pub(super) http: Option<String>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) leave_on_stop: Option<bool>,
    #[serde(default)]
    pub(super) enable_cmd_checks: bool,
    pub(super) services: Vec<RawService>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawService {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) address: String,
    #[serde(default)]
    pub(super) port: u64,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) meta: BTreeMap<String, String>,
    pub(super) weights: Option<RawWeights>,
    #[serde(default)]
    pub(super) checks: Vec<RawCheck>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWeights {
    pub(super) passing: Option<u64>,
    pub(super) warning: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) name: String,
    pub(super) ttl: Option<String>,
    pub(super) renew: Option<String>,
    pub(super) path: Option<String>,
    pub(super) url: Option<String>,
    pub(super) tcp: Option<String>,
    pub(super) cmd: Option<Vec<String>>,
    pub(super) interval: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) status: Option<String>,
    pub(super) failures_before_critical: Option<u64>,
    pub(super) successes_before_passing: Option<u64>,
}

impl<'de> Deserialize<'de> for LogFormat {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(serde::de::Error::custom(format!("{other:?} is no log format; write \"text\" or \"json\""))),
        }
    }
}

/// The text, without the byte order mark that some editors write in front.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        ConfigError {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            key: "the file".into(),
            problem: "holds bytes that are no UTF-8; save it as UTF-8".into(),
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Reads the keys.
pub(super) fn read(text: &str) -> Result<RawFile, ConfigError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let key = match error.path().to_string().as_str() {
            "." => "the file".to_owned(),
            path => path.to_owned(),
        };
        explain(key, error.inner())
    })?;
    json.end().map_err(|error| explain("the file".into(), &error))?;
    Ok(read)
}

/// serde_json says "... at line 3 column 7" at the end; the line stands in front here.
fn explain(key: String, error: &serde_json::Error) -> ConfigError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    ConfigError { line: error.line().max(1), key, problem }
}
