//! HTTP to one server, on a stream that is reset when it is dropped amid a request: with it goes what
//! the system had not sent yet.

mod address;
mod stream;

pub(crate) use address::Target;

use clientbook_agent_link::{self as link, Answer, Call};
use stream::{Busy, Stream};

/// A connection.
pub(crate) struct Connection {
    link: link::Connection<Stream>,
    busy: Busy,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// In words, without what was to be sent.
    pub(crate) async fn open(target: &Target) -> Result<Self, String> {
        let busy = Busy::default();
        let link = link::Connection::open(Stream::connect(target, busy.clone()), None).await?;
        Ok(Self { link, busy })
    }

    /// Whether another request may follow.
    pub(crate) fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// Asks, and takes the whole answer in.
    pub(crate) async fn call(
        &mut self,
        target: &Target,
        token: Option<&str>,
        call: &Call,
    ) -> Result<Answer, String> {
        self.busy.set(true);
        let answer = self.link.call(target.base(), token, call).await;
        self.busy.set(answer.is_err());
        answer
    }
}
