//! A request's body that must keep coming.

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The longest pause. Without an end to waiting, a caller that announces a body and never sends it
/// holds a connection for ever, and ten thousand of them hold the server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Ends with an error once nothing has come for too long.
pub(crate) struct PatientBody {
    inner: Incoming,
    pause: Option<Pin<Box<Sleep>>>,
}

impl PatientBody {
    /// Waits for `inner`, up to a point.
    pub(crate) fn new(inner: Incoming) -> Self {
        Self { inner, pause: None }
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            self.pause = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        ready!(pause.as_mut().poll(context));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the body stopped coming");
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
