//! What the registry holds. Values of these types are valid: they are made by parsing (`parse`, `TryFrom`, `validated`) and
//! checked nowhere else. Knows nothing of commands, of the state that holds the records, or of how a client wrote them.

mod check;
mod index;
mod instance;
mod invalid;
mod key;
mod name;
mod status;
mod text;

pub use check::{Check, CheckKind, CheckSpec};
pub use index::{Index, Timestamp};
pub use instance::{Instance, InstanceSpec, Weights};
pub use invalid::Invalid;
pub use key::{CheckKey, InstanceKey, ServiceKey};
pub use name::{CheckId, InstanceId, Name, Namespace, ServiceName};
pub use status::Status;
pub use text::cut_output;

#[cfg(test)]
mod tests;
