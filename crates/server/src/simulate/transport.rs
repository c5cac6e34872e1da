//! HTTP to one server, as a device's agent speaks it: a connection of its own, and requests one after
//! the other on it. Nobody drives a connection but who waits for its answer, so a device that waits is
//! one task.

use super::figures::Figures;
use crate::failure::Failure;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(20);

/// The most of an answer that is read: a configuration names at most some thousands of users.
const ANSWER_BYTES: usize = 4 << 20;

/// The most bytes that a connection buffers.
const BUFFER_BYTES: usize = 64 << 10;

/// A server, ready to be connected to.
pub(super) struct Target {
    addresses: Vec<SocketAddr>,
    authority: String,
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// Looks up where the server is and, for `https`, which certificates this machine trusts.
    pub(super) async fn new(server: &Url) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::Setting(format!("--server (CLIENTBOOK_SERVER) is {server}, but {why}"))
        };
        let host = server.host_str().unwrap_or_default();
        let name = host.trim_matches(['[', ']']);
        let port = server.port_or_known_default().unwrap_or(80);
        let found = lookup_host((name, port)).await;
        let addresses: Vec<_> =
            found.map_err(|error| wrong(format!("it cannot be found ({error})")))?.collect();
        let tls = match server.scheme() {
            "https" => {
                let name = ServerName::try_from(name.to_owned());
                let name = name.map_err(|error| wrong(format!("TLS does not know it: {error}")))?;
                Some((TlsConnector::from(Arc::new(trusting_the_system()?)), name))
            }
            _ => None,
        };
        let shown = server.port().map_or_else(String::new, |port| format!(":{port}"));
        let prefix = server.path().trim_end_matches('/').to_owned();
        Ok(Self { addresses, authority: format!("{host}{shown}"), prefix, tls })
    }
}

/// TLS that believes the certificates that the system does.
fn trusting_the_system() -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let why = "the system has no certificates to trust: install its ca-certificates, or name a \
                   file with some in SSL_CERT_FILE";
        return Err(Failure::Failed(why.into()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Failure::Failed(format!("TLS: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What to ask.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) body: Bytes,
    /// How long the whole may take.
    pub(super) limit: Duration,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

type Driver = Pin<Box<http1::Connection<TokioIo<Box<dyn Duplex>>, Full<Bytes>>>>;

/// A connection.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Dropped once it has ended: only then a request that it did not send hears of it. A server ends a
    /// connection that it has not used for a while.
    driver: Option<Driver>,
}

impl Connection {
    /// Connects; an error in words.
    pub(super) async fn open(target: &Target, figures: &Arc<Figures>) -> Result<Self, String> {
        let opening = async {
            let socket = TcpStream::connect(target.addresses.as_slice()).await?;
            socket.set_nodelay(true)?;
            let counted = Counted { socket, figures: Arc::clone(figures) };
            let stream: Box<dyn Duplex> = match &target.tls {
                None => Box::new(counted),
                Some((connector, name)) => {
                    Box::new(connector.connect(name.clone(), counted).await?)
                }
            };
            let mut builder = http1::Builder::new();
            let made = builder.max_buf_size(BUFFER_BYTES).handshake(TokioIo::new(stream)).await;
            made.map_err(io::Error::other)
        };
        let opened = timeout(CONNECT, opening).await;
        let opened = opened.map_err(|_| "no connection in time".to_owned())?;
        let (sender, driver) = opened.map_err(|error| error.to_string())?;
        Ok(Self { sender, driver: Some(Box::pin(driver)) })
    }

    /// Whether another request may follow.
    pub(super) fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Asks, and takes the whole answer in; an error in words.
    pub(super) async fn call(
        &mut self,
        target: &Target,
        token: Option<&str>,
        call: &Call,
    ) -> Result<Answer, String> {
        let request = request(target, token, call)?;
        let Self { sender, driver } = self;
        let whole = async {
            sender.ready().await.map_err(|error| error.to_string())?;
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            take_in(response).await
        };
        let answer = timeout(call.limit, drive(driver, whole)).await;
        answer.map_err(|_| "no answer in time".to_owned())?
    }
}

/// Does `work`, driving the connection meanwhile.
async fn drive<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        // That it has ended, `work` hears from hyper.
        let running = driver.as_mut();
        if running.is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            *driver = None;
        }
        // What the connection has just taken in.
        work.as_mut().poll(context)
    })
    .await
}

fn request(
    target: &Target,
    token: Option<&str>,
    call: &Call,
) -> Result<Request<Full<Bytes>>, String> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(format!("{}{}", target.prefix, call.path))
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("clientbook-simulated/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    // hyper's words may quote a header, and the token with it.
    request.body(Full::new(call.body.clone())).map_err(|_| "the request cannot be made".into())
}

async fn take_in(response: Response<Incoming>) -> Result<Answer, String> {
    let (head, body) = response.into_parts();
    let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = seconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let body = Limited::new(body, ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer { status: head.status.as_u16(), retry_after, body })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    /// A server that closes each connection once it has answered on it: its URL.
    fn forgetful() -> (String, std::thread::JoinHandle<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                let mut bytes = [0; 1_024];
                let read = stream.read(&mut bytes).expect("a request");
                request.extend_from_slice(&bytes[..read]);
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(answer).expect("an answer");
        });
        (url, serving)
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_is_told_at_once() {
        let (url, serving) = forgetful();
        let target = Target::new(&Url::parse(&url).expect("a URL")).await.expect("a server");
        let figures = Arc::new(Figures::new(1).expect("figures"));
        let mut connection = Connection::open(&target, &figures).await.expect("a connection");
        let call = Call {
            method: Method::POST,
            path: "/",
            body: Bytes::from_static(b"{}"),
            limit: Duration::from_mins(1),
        };
        let first = connection.call(&target, None, &call).await.expect("an answer");
        assert_eq!(first.status, 200);
        serving.join().expect("no panic");
        let second = timeout(Duration::from_secs(10), connection.call(&target, None, &call)).await;
        assert!(second.expect("no wait for an answer that cannot come").is_err());
        assert!(!connection.is_open());
    }
}
