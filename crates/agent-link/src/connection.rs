//! HTTP to one server: a connection, and requests one after the other on it.
//!
//! A connection is driven by whoever waits for its answer and by nobody else. So a request that is
//! dropped sends not one byte more, and a device that waits is one task.

use crate::{Answer, Base};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(20);

/// What to ask.
pub struct Call {
    method: Method,
    path: &'static str,
    body: Bytes,
    limit: Duration,
}

impl Call {
    /// A call of the protocol that may take so long as a whole.
    ///
    /// # Errors
    /// In words, if `body` is nothing that JSON can say.
    pub fn new(
        method: Method,
        path: &'static str,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<Self, String> {
        let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        Ok(Self { method, path, body: Bytes::from(body), limit })
    }

    fn request(&self, base: &Base, token: Option<&str>) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(base.path(self.path))
            .header(HOST, base.authority())
            .header(USER_AGENT, base.user_agent())
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        // hyper's words may quote a header, and the token with it.
        request.body(Full::new(self.body.clone())).map_err(|_| "the request cannot be made".into())
    }
}

type Driver<S> = Pin<Box<http1::Connection<TokioIo<S>, Full<Bytes>>>>;

/// A connection on a stream.
pub struct Connection<S: AsyncRead + AsyncWrite + Unpin> {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Dropped once it has ended: only then a request that it did not send hears of it. A server ends a
    /// connection that it has not used for a while.
    driver: Option<Driver<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Waits for a stream that is being connected, and speaks HTTP on it, buffering at most
    /// `buffer` bytes if that is said.
    ///
    /// # Errors
    /// In words, without what was to be sent.
    pub async fn open(
        connecting: impl Future<Output = Result<S, String>>,
        buffer: Option<usize>,
    ) -> Result<Self, String> {
        let opening = async {
            let stream = connecting.await?;
            let mut builder = http1::Builder::new();
            if let Some(bytes) = buffer {
                builder.max_buf_size(bytes);
            }
            builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())
        };
        let opened = timeout(CONNECT, opening).await;
        let (sender, driver) = opened.map_err(|_| "no connection in time".to_owned())??;
        Ok(Self { sender, driver: Some(Box::pin(driver)) })
    }

    /// Whether another request may follow.
    pub fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Asks, and takes the whole answer in.
    ///
    /// # Errors
    /// In words, without what was sent.
    pub async fn call(
        &mut self,
        base: &Base,
        token: Option<&str>,
        call: &Call,
    ) -> Result<Answer, String> {
        let request = call.request(base, token)?;
        let Self { sender, driver } = self;
        let whole = async {
            sender.ready().await.map_err(|error| error.to_string())?;
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            Answer::take_in(response).await
        };
        let answer = timeout(call.limit, drive(driver, whole)).await;
        answer.map_err(|_| "no answer in time".to_owned())?
    }
}

/// Does `work`, driving the connection meanwhile.
async fn drive<S: AsyncRead + AsyncWrite + Unpin, T>(
    driver: &mut Option<Driver<S>>,
    work: impl Future<Output = T>,
) -> T {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use tokio::net::TcpStream;
    use url::Url;

    /// A server that closes each connection once it has answered on it: its URL.
    fn forgetful() -> (Url, std::thread::JoinHandle<()>) {
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
        (Url::parse(&url).expect("a URL"), serving)
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_is_told_at_once() {
        let (url, serving) = forgetful();
        let base = Base::new(&url, "test").expect("a server");
        let connecting =
            async { TcpStream::connect(base.socket()).await.map_err(|error| error.to_string()) };
        let mut connection = Connection::open(connecting, None).await.expect("a connection");
        let nothing = serde_json::json!({});
        let call = Call::new(Method::POST, "/", &nothing, Duration::from_mins(1)).expect("a call");
        let first = connection.call(&base, None, &call).await.expect("an answer");
        assert_eq!(first.status, 200);
        serving.join().expect("no panic");
        let second = timeout(Duration::from_secs(10), connection.call(&base, None, &call)).await;
        assert!(second.expect("no wait for an answer that cannot come").is_err());
        assert!(!connection.is_open());
    }
}
