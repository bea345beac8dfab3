//! Bytes of a frame: `SDR1`, length, checksum, kind, call number, cluster, from, to, payload (msgpack).

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use sider_registry::limits;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::raft::types::MemberId;

/// Marks a frame of this protocol and its version.
const MAGIC: [u8; 4] = *b"SDR1";
/// Magic, payload length, checksum of all that follows.
const PREFIX: usize = 4 + 4 + 4;
/// Kind, call number, cluster, from, to.
const HEAD: usize = 1 + 8 + 16 + 8 + 8;

/// Call or reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks.
    Call,
    /// Answers the call of the same number.
    Reply,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Call or reply.
    pub kind: Kind,
    /// Number of the call on its connection.
    pub number: u64,
    /// The sender's cluster; 0 if it belongs to none yet.
    pub cluster: u128,
    /// The sender.
    pub from: MemberId,
    /// The server it is meant for; 0 if the sender does not know who listens there.
    pub to: MemberId,
    /// The message.
    pub payload: Bytes,
}

/// Why bytes are not a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Something else speaks.
    #[error("not a Sider server: it began with {0:?} (an HTTP client belongs on the -http port)")]
    NotAPeer(String),
    /// Announced length beyond the bound.
    #[error("a frame of {0} bytes: {max} is the bound", max = limits::PEER_FRAME_LEN_MAX)]
    TooLong(usize),
    /// Damaged on the way.
    #[error("a damaged frame: its checksum is {found:08x}, sent was {sent:08x}")]
    Damaged {
        /// Computed.
        found: u32,
        /// Received.
        sent: u32,
    },
}

impl Frame {
    /// Appends the frame's bytes.
    pub fn encode(&self, out: &mut BytesMut) {
        let start = out.len();
        out.reserve(PREFIX + HEAD + self.payload.len());
        out.put_slice(&MAGIC);
        out.put_u32(u32::try_from(self.payload.len()).expect("a message is within the frame bound"));
        out.put_u32(0);
        out.put_u8(match self.kind {
            Kind::Call => 1,
            Kind::Reply => 2,
        });
        out.put_u64(self.number);
        out.put_u128(self.cluster);
        out.put_u64(self.from);
        out.put_u64(self.to);
        out.put_slice(&self.payload);
        let sum = crc32fast::hash(&out[start + PREFIX..]);
        out[start + 8..start + PREFIX].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Cuts a byte stream into frames. Cancel-safe.
#[derive(Debug)]
pub struct FrameReader<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `from`.
    pub fn new(from: R) -> Self {
        Self { from, buffer: BytesMut::with_capacity(16 * 1024) }
    }

    /// The next frame; none at a clean end.
    ///
    /// # Errors
    /// See [`FrameError`]; the connection is of no further use.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = cut(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

fn cut(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let seen = buffer.len().min(MAGIC.len());
    if buffer[..seen] != MAGIC[..seen] {
        let begin = &buffer[..buffer.len().min(16)];
        return Err(FrameError::NotAPeer(String::from_utf8_lossy(begin).into_owned()));
    }
    if buffer.len() < PREFIX {
        return Ok(None);
    }
    let length = usize::try_from((&buffer[4..8]).get_u32()).unwrap_or(usize::MAX);
    if length > limits::PEER_FRAME_LEN_MAX {
        return Err(FrameError::TooLong(length));
    }
    let whole = PREFIX + HEAD + length;
    if buffer.len() < whole {
        buffer.reserve(whole - buffer.len());
        return Ok(None);
    }
    let mut bytes = buffer.split_to(whole).freeze();
    let sent = (&bytes[8..PREFIX]).get_u32();
    bytes.advance(PREFIX);
    let found = crc32fast::hash(&bytes);
    if found != sent {
        return Err(FrameError::Damaged { found, sent });
    }
    let kind = if bytes.get_u8() == 1 { Kind::Call } else { Kind::Reply };
    Ok(Some(Frame {
        kind,
        number: bytes.get_u64(),
        cluster: bytes.get_u128(),
        from: bytes.get_u64(),
        to: bytes.get_u64(),
        payload: bytes,
    }))
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};

    use super::{Frame, FrameError, FrameReader, Kind, cut};

    fn frame() -> Frame {
        Frame { kind: Kind::Call, number: 7, cluster: 1 << 100, from: 1, to: 2, payload: Bytes::from_static(b"hello") }
    }

    #[test]
    fn a_frame_survives_the_way_in_pieces() {
        let mut bytes = BytesMut::new();
        frame().encode(&mut bytes);
        let mut arrived = BytesMut::new();
        for byte in &bytes[..bytes.len() - 1] {
            arrived.extend_from_slice(&[*byte]);
            assert!(cut(&mut arrived).expect("no error").is_none());
        }
        arrived.extend_from_slice(&bytes[bytes.len() - 1..]);
        assert_eq!(cut(&mut arrived).expect("whole"), Some(frame()));
    }

    #[test]
    fn every_flipped_bit_is_an_error_or_waits_for_more() {
        let mut bytes = BytesMut::new();
        frame().encode(&mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(cut(&mut flipped), Ok(Some(_))), "bit {bit} went unseen");
        }
    }

    #[tokio::test]
    async fn an_http_client_is_told_apart_by_its_first_byte() {
        let mut reader = FrameReader::new(&b"GET / HTTP/1.1\r\n"[..]);
        let error = reader.next().await.expect_err("not a frame");
        assert!(matches!(&error, FrameError::NotAPeer(begin) if begin.starts_with("GET /")), "{error}");
    }
}
