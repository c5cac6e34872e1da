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
    driver: Driver,
    ended: bool,
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
        Ok(Self { sender, driver: Box::pin(driver), ended: false, busy })
    }

    /// Whether another request may follow.
    pub(crate) fn is_open(&self) -> bool {
        !self.ended && !self.sender.is_closed()
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
        let Self { sender, driver, ended, .. } = self;
        let whole = async {
            sender.ready().await.map_err(|error| error.to_string())?;
            let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
            take_in(response).await
        };
        let answer = timeout(call.limit, drive(driver, ended, whole)).await;
        let answer = answer.map_err(|_| "no answer in time".to_owned())?;
        self.busy.set(answer.is_err());
        answer
    }
}

/// Does `work`, driving the connection meanwhile.
async fn drive<T>(driver: &mut Driver, ended: &mut bool, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        // Why it ended, `work` hears from hyper.
        if !*ended && driver.as_mut().poll(context).is_ready() {
            *ended = true;
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
