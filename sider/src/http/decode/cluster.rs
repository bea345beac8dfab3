//! Membership and leadership.

use sider_registry::limits;
use sider_registry::model::{Invalid, Name};

use super::json::{Fields, Keys};

const JOIN_KEYS: Keys = Keys { read: &["addr", "address", "id"], dropped: &[], refused: &[] };
const REMOVE_KEYS: Keys = Keys { read: &["force", "id"], dropped: &[], refused: &[] };
const TRANSFER_KEYS: Keys = Keys { read: &["id"], dropped: &[], refused: &[] };

/// Decodes `{"ID": .., "Addr": "host:port"}`.
pub(in crate::http) fn join(body: &[u8]) -> Result<(Name, String), Invalid> {
    let mut fields = Fields::parse(body, &JOIN_KEYS)?;
    let id = id(&mut fields)?;
    let Some(addr) = fields.text(&["addr", "address"])? else {
        return Err(Invalid::new("Addr", "is missing; give the server's Raft address as host:port"));
    };
    Ok((id, addr.parse(host_port)?))
}

/// Decodes `{"ID": .., "Force": false}`.
pub(in crate::http) fn remove(body: &[u8]) -> Result<(Name, bool), Invalid> {
    let mut fields = Fields::parse(body, &REMOVE_KEYS)?;
    Ok((id(&mut fields)?, fields.flag(&["force"])?))
}

/// Decodes `{"ID": ..}` or nothing: then the cluster chooses.
pub(in crate::http) fn transfer(body: &[u8]) -> Result<Option<Name>, Invalid> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let mut fields = Fields::parse(body, &TRANSFER_KEYS)?;
    match fields.text(&["id"])? {
        Some(text) => Ok(Some(text.parse(Name::new)?)),
        None => Ok(None),
    }
}

fn id(fields: &mut Fields) -> Result<Name, Invalid> {
    match fields.text(&["id"])? {
        Some(text) => text.parse(Name::new),
        None => Err(Invalid::new("ID", "is missing; give the server's name (its -raft-id)")),
    }
}

/// `host:port` with a port that can be connected to.
fn host_port(text: String) -> Result<String, Invalid> {
    let right = "host:port is expected, like 10.0.0.2:8501";
    if text.len() > limits::ADDRESS_LEN_MAX + ":65535".len()
        || text.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return Err(Invalid::new("Addr", right));
    }
    match text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(1..) => Ok(text),
        _ => Err(Invalid::new("Addr", format!("is {text:?}; {right}"))),
    }
}
