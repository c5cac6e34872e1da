//! One connection through the proxy. Each message of the server's goes on by itself: a network may
//! cut an answer anywhere.

use super::plan::Request;
use super::{Fault, Shared, frame};
use std::collections::HashMap;
use std::io;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

/// What becomes of the server's answer to a request.
#[derive(Clone, Copy)]
enum Reply {
    Pass,
    /// Its error becomes another one; its end shows unless another answer follows for the client.
    Refuse {
        code: &'static str,
        ends: bool,
    },
    /// Only its end shows.
    End,
    /// The connection ends in its place.
    Drop,
    /// The connection ends in its middle.
    Tear,
    Nothing,
}

/// Passes on what both sides say until one of them is gone, or a fault ends it.
pub(super) async fn pass(mut client: TcpStream, upstream: &str, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut first = frame::read_first(&mut client).await?;
    while frame::asks_to_encrypt(&first) {
        client.write_all(b"N").await?;
        first = frame::read_first(&mut client).await?;
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    server.write_all(&first).await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (replies, expected) = mpsc::unbounded_channel();
    // The greeting ends like an answer.
    expect(&replies, Reply::Pass)?;
    tokio::select! {
        ended = requests(from_client, to_server, &replies, shared) => ended,
        ended = answers(from_server, to_client, expected) => ended,
    }
}

fn expect(replies: &mpsc::UnboundedSender<Reply>, reply: Reply) -> io::Result<()> {
    replies.send(reply).map_err(io::Error::other)
}

async fn requests(
    client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    replies: &mpsc::UnboundedSender<Reply>,
    shared: &Shared,
) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut prepared = HashMap::new();
    let mut request = Request::default();
    while let Some(message) = frame::read(&mut client).await? {
        let mut whole = false;
        match message.kind {
            // Parse: the statement's name and text.
            b'P' => {
                let [name, sql] = message.texts();
                request.prepares = true;
                request.sql.clone_from(&sql);
                prepared.insert(name, sql);
            }
            // Bind: the portal and the statement.
            b'B' => {
                let [_, name] = message.texts();
                request.prepares = false;
                request.sql = prepared.get(&name).cloned().unwrap_or_default();
            }
            b'Q' => {
                let [sql] = message.texts();
                request.sql = sql;
                whole = true;
            }
            // Sync.
            b'S' => whole = true,
            // The log-in, and the farewell.
            b'p' | b'X' => {
                server.write_all(&message.bytes).await?;
                continue;
            }
            _ => {}
        }
        request.bytes.extend(message.bytes);
        if whole && !send(std::mem::take(&mut request), &mut server, replies, shared).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Passes a request on, or does to it what is planned. `false` ends the connection.
async fn send(
    request: Request,
    server: &mut OwnedWriteHalf,
    replies: &mpsc::UnboundedSender<Reply>,
    shared: &Shared,
) -> io::Result<bool> {
    let fault = shared.plan().fault(&request);
    let bytes = &request.bytes;
    let (reply, go_on) = match fault {
        None => (Reply::Pass, true),
        Some(Fault::Refuse(code)) => {
            let ends = request.ends();
            expect(replies, Reply::Refuse { code, ends: !ends })?;
            server.write_all(&frame::impossible()).await?;
            if !ends {
                return Ok(true);
            }
            // Who ends a failed transaction takes it back.
            (Reply::End, true)
        }
        Some(Fault::DropBefore) => return Ok(false),
        Some(Fault::TearRequest) => {
            server.write_all(&bytes[..bytes.len() / 2]).await?;
            return Ok(false);
        }
        Some(Fault::DropSent) => (Reply::Nothing, false),
        Some(Fault::DropAfter) => (Reply::Drop, true),
        Some(Fault::TearAnswer) => (Reply::Tear, true),
        Some(Fault::Silence) => (Reply::Nothing, true),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            (Reply::Pass, true)
        }
    };
    // Before the server can have answered.
    expect(replies, reply)?;
    server.write_all(bytes).await?;
    Ok(go_on)
}

async fn answers(
    server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut expected: mpsc::UnboundedReceiver<Reply>,
) -> io::Result<()> {
    let mut server = BufReader::new(server);
    let mut reply = None;
    let mut held = Vec::new();
    while let Some(message) = frame::read(&mut server).await? {
        if reply.is_none() {
            // None where the server speaks unasked.
            reply = expected.try_recv().ok();
        }
        // ReadyForQuery ends every answer.
        let last = message.kind == b'Z';
        match reply.unwrap_or(Reply::Pass) {
            Reply::Pass => client.write_all(&message.bytes).await?,
            Reply::Refuse { code, ends } => {
                if message.kind == b'E' {
                    client.write_all(&frame::error(code)).await?;
                } else if last && ends {
                    client.write_all(&message.bytes).await?;
                }
            }
            Reply::End => {
                if last {
                    client.write_all(&message.bytes).await?;
                }
            }
            Reply::Drop => {
                if last {
                    return Ok(());
                }
            }
            Reply::Tear => {
                held.extend(message.bytes);
                if last {
                    return client.write_all(&held[..held.len() / 2]).await;
                }
            }
            // For ever: the client has to give up by itself.
            Reply::Nothing => continue,
        }
        if last {
            reply = None;
        }
    }
    Ok(())
}
