//! A socket, with TLS or without, that is reset when it is dropped amid a request.

use super::Target;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whether a request is under way.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<AtomicBool>);

impl Busy {
    pub(super) fn set(&self, busy: bool) {
        self.0.store(busy, Ordering::Relaxed);
    }
}

/// The socket.
pub(super) struct Stream {
    layer: Layer,
    busy: Busy,
}

enum Layer {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) async fn connect(target: &Target, busy: Busy) -> Result<Self, String> {
        let socket = TcpStream::connect(target.base().socket()).await.map_err(|e| e.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let layer = match &target.tls {
            None => Layer::Plain(socket),
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                let made = connector.connect(name.clone(), socket).await;
                Layer::Tls(Box::new(made.map_err(|error| format!("TLS: {error}"))?))
            }
        };
        Ok(Self { layer, busy })
    }

    fn socket(&self) -> &TcpStream {
        match &self.layer {
            Layer::Plain(socket) => socket,
            Layer::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.busy.0.load(Ordering::Relaxed) {
            // What the system has not sent yet must not be sent any more. If it refuses, the socket
            // is closed as any other.
            let _refused = self.socket().set_zero_linger();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Layer::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Layer::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(socket) => Pin::new(socket).poll_flush(context),
            Layer::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Layer::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
