//! The variable end of a request path: percent-decoded once, never twice.

use percent_encoding::percent_decode_str;
use sider_registry::model::Invalid;

/// What follows `prefix` in `path`, decoded. A `/` in it may be written as it is or as `%2F`.
pub(in crate::http) fn tail(path: &str, prefix: &str, field: &str) -> Result<String, Invalid> {
    let raw = path.strip_prefix(prefix).unwrap_or_default();
    if raw.is_empty() {
        return Err(Invalid::new(field, format!("is missing; the path is {prefix}<{field}>")));
    }
    match percent_decode_str(raw).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(error) => Err(Invalid::new(
            field,
            format!("is not UTF-8 after byte {}; percent-encode UTF-8 text", error.valid_up_to()),
        )),
    }
}
