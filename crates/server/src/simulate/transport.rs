//! Where the server is, and connections to it of which every byte is counted.

use super::figures::Figures;
use crate::failure::Failure;
use clientbook_agent_link::{self as link, Base};
use reqwest::Url;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// The most bytes that a connection buffers.
const BUFFER_BYTES: usize = 64 << 10;

/// A server, ready to be connected to.
pub(super) struct Target {
    base: Base,
    addresses: Vec<SocketAddr>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A socket, with TLS or without.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection.
pub(super) type Connection = link::Connection<Box<dyn Duplex>>;

impl Target {
    /// Looks up where the server is and, for `https`, which certificates to trust: the system's, and
    /// those of `--ca`.
    pub(super) async fn new(server: &Url, ca: Option<&str>) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::Setting(format!("--server (CLIENTBOOK_SERVER) is {server}, but {why}"))
        };
        let user_agent = concat!("clientbook-simulated/", env!("CARGO_PKG_VERSION"));
        let base = Base::new(server, user_agent).ok_or_else(|| wrong("it has no host".into()))?;
        let found = lookup_host(base.socket()).await;
        let addresses =
            found.map_err(|error| wrong(format!("it cannot be found ({error})")))?.collect();
        let tls = if server.scheme() == "https" {
            let name = ServerName::try_from(base.host().to_owned());
            let name = name.map_err(|error| wrong(format!("TLS does not know it: {error}")))?;
            let config = link::trusting(ca).map_err(Failure::Setting)?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { base, addresses, tls })
    }

    pub(super) fn base(&self) -> &Base {
        &self.base
    }

    /// Connects; an error in words.
    pub(super) async fn connect(&self, figures: &Arc<Figures>) -> Result<Connection, String> {
        let connecting = async { self.stream(figures).await.map_err(|error| error.to_string()) };
        Connection::open(connecting, Some(BUFFER_BYTES)).await
    }

    async fn stream(&self, figures: &Arc<Figures>) -> io::Result<Box<dyn Duplex>> {
        let socket = TcpStream::connect(self.addresses.as_slice()).await?;
        socket.set_nodelay(true)?;
        let counted = Counted { socket, figures: Arc::clone(figures) };
        Ok(match &self.tls {
            None => Box::new(counted),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), counted).await?),
        })
    }
}

/// A socket of which every byte is counted, TLS included.
struct Counted {
    socket: TcpStream,
    figures: Arc<Figures>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.socket).poll_read(context, buffer));
        self.figures.received(buffer.filled().len() - before);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(context, bytes));
        if let Ok(written) = &written {
            self.figures.sent(*written);
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
