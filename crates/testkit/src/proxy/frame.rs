//! The frames of PostgreSQL's protocol, version 3.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest frame that is believed.
const LONGEST: usize = 64 << 20;

/// A message as it stands on the wire.
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    /// What follows the kind and the length.
    fn body(&self) -> &[u8] {
        self.bytes.get(5..).unwrap_or_default()
    }

    /// The texts at the start of the body, each ended by a zero.
    pub(super) fn texts<const N: usize>(&self) -> [String; N] {
        let mut texts = self.body().split(|byte| *byte == 0);
        std::array::from_fn(|_| String::from_utf8_lossy(texts.next().unwrap_or_default()).into())
    }
}

/// The next message; `None` where the connection has ended between two.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let kind = match from.read_u8().await {
        Ok(kind) => kind,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![kind];
    read_rest(from, &mut bytes).await?;
    Ok(Some(Frame { kind, bytes }))
}

/// The first message of a connection, which has no kind.
pub(super) async fn read_first(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_rest(from, &mut bytes).await?;
    Ok(bytes)
}

async fn read_rest(from: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = from.read_u32().await?;
    let rest = (length as usize).checked_sub(4).filter(|rest| *rest <= LONGEST);
    let rest = rest.ok_or_else(|| io::Error::other("no length of PostgreSQL's"))?;
    bytes.extend(length.to_be_bytes());
    let start = bytes.len();
    bytes.resize(start + rest, 0);
    from.read_exact(&mut bytes[start..]).await?;
    Ok(())
}

/// Whether a first message asks for encryption, by TLS or GSSAPI.
pub(super) fn asks_to_encrypt(first: &[u8]) -> bool {
    let code = first.get(4..8).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
    matches!(code, Some(80_877_103 | 80_877_104))
}

/// `Execute` of a portal that is not there, and `Sync`: fails on every server.
pub(super) fn impossible() -> Vec<u8> {
    let mut bytes = frame(b'E', b"no such portal\0\0\0\0\0");
    bytes.extend(frame(b'S', b""));
    bytes
}

/// An `ErrorResponse`.
pub(super) fn error(code: &str) -> Vec<u8> {
    frame(b'E', format!("SERROR\0VERROR\0C{code}\0Mmade up by the proxy\0\0").as_bytes())
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short frame");
    let mut bytes = vec![kind];
    bytes.extend(length.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}
