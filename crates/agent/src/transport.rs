//! HTTP to one server: a connection, and requests one after the other on it.
//!
//! A connection is driven by whoever waits for its answer and by nobody else. So a request that is
//! dropped sends not one byte more: its socket is reset, and with it goes what the system had not
//! sent yet.

mod address;
mod stream;

pub(crate) use address::Target;

use crate::env::{self, Millis};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use stream::{Busy, Stream};
use tokio::time::timeout;

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(20);
/// Of an answer. A configuration names at most some thousands of users.
const ANSWER_BYTES: usize = 4 << 20;

/// What to ask.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) body: Bytes,
    /// How long the whole may take.
    pub(crate) limit: Duration,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// By the server's clock, if it says so.
    pub(crate) date: Option<Millis>,
    pub(crate) body: Bytes,
}

type Driver = Pin<Box<http1::Connection<TokioIo<Stream>, Full<Bytes>>>>;

/// A connection.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Dropped once it has ended: only then a request that it did not send hears of it. A server ends a
    /// connection that it has not used for a while.
    driver: Option<Driver>,
    busy: Busy,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// In words, without what was to be sent.
    pub(crate) async fn open(target: &Target) -> Result<Self, String> {
        let opening = async {
            let (stream, busy) = Stream::connect(target).await?;
            let made = http1::handshake(TokioIo::new(stream)).await;
            made.map(|made| (made, busy)).map_err(|error| error.to_string())
        };
        let opened = timeout(CONNECT, opening).await;
        let ((sender, driver), busy) = opened.map_err(|_| "no connection in time".to_owned())??;
        Ok(Self { sender, driver: Some(Box::pin(driver)), busy })
    }

    /// Whether another request may follow.
    pub(crate) fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Asks, and takes the whole answer in.
    pub(crate) async fn call(
        &mut self,
        target: &Target,
        token: Option<&str>,
        call: &Call,
    ) -> Result<Answer, String> {
        let request = request(target, token, call)?;
        self.busy.set(true);
        let Self { sender, driver, .. } = self;
        let whole = async {
            sender.ready().await.map_err(|error| error.to_string())?;
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            take_in(response).await
        };
        let answer = timeout(call.limit, drive(driver, whole)).await;
        let answer = answer.map_err(|_| "no answer in time".to_owned())?;
        self.busy.set(answer.is_err());
        answer
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
        .uri(target.path(call.path))
        .header(HOST, target.authority())
        .header(USER_AGENT, concat!("clientbook-agent/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    // hyper's words may quote a header, and the token with it.
    request.body(Full::new(call.body.clone())).map_err(|_| "the request cannot be made".into())
}

async fn take_in(response: Response<Incoming>) -> Result<Answer, String> {
    let (head, body) = response.into_parts();
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let seconds = text(RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    let date = text(DATE).and_then(env::http_date);
    let body = Limited::new(body, ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer { status: head.status.as_u16(), retry_after, date, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Address;
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
        let address = Address { url, ca: None, insecure_http: false };
        let target = Target::new(&address).expect("a server");
        let mut connection = Connection::open(&target).await.expect("a connection");
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
