//! A connection whose caller must keep reading.

use crate::body::PATIENCE;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Up to this many bytes, copying an answer's parts together costs less than handing the system a
/// list of them. hyper could do it too, but keeps the room of the longest answer for each connection.
const SHORT: usize = 2048;

/// Breaks off once nothing could be written for `PATIENCE`. Without that, a caller that sends
/// requests and never reads the answers holds a connection for ever.
pub(crate) struct PatientStream<S> {
    inner: S,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> PatientStream<S> {
    /// Waits for the reader of `inner`, up to a point.
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, pause: None }
    }

    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.pause = None;
            return written;
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        ready!(pause.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answers are not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.patiently(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        let mut short = [0; SHORT];
        let written = if let Some(whole) = short.get_mut(..length) {
            let mut rest = &mut *whole;
            for slice in slices {
                let (place, after) = rest.split_at_mut(slice.len());
                place.copy_from_slice(slice);
                rest = after;
            }
            Pin::new(&mut self.inner).poll_write(context, whole)
        } else {
            Pin::new(&mut self.inner).poll_write_vectored(context, slices)
        };
        self.patiently(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.patiently(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(context);
        self.patiently(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, timeout};

    const ALMOST: Duration = Duration::from_secs(29);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_reads_ends() {
        let (near, _far) = duplex(4);
        let (begun, mut stream) = (Instant::now(), PatientStream::new(near));
        let ended = timeout(2 * PATIENCE, stream.write_all(b"answer")).await.expect("an end");
        assert_eq!(ended.expect_err("an error").kind(), io::ErrorKind::TimedOut);
        assert!((PATIENCE..PATIENCE + Duration::from_secs(1)).contains(&begun.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_everything() {
        let (near, mut far) = duplex(1);
        let mut stream = PatientStream::new(near);
        let reader = async {
            let mut read = Vec::new();
            for _ in 0..6 {
                // Waits by the paused clock: longer in all than the patience, each time less.
                sleep(ALMOST).await;
                read.push(far.read_u8().await.expect("a byte"));
            }
            read
        };
        let (written, read) = tokio::join!(stream.write_all(b"answer"), reader);
        written.expect("a write that is read");
        assert_eq!(read, b"answer");
    }

    #[tokio::test(start_paused = true)]
    async fn reading_may_take_longer() {
        let (near, mut far) = duplex(1);
        let mut stream = PatientStream::new(near);
        let late = async {
            sleep(3 * PATIENCE).await;
            far.write_u8(7).await
        };
        let (read, sent) = tokio::join!(stream.read_u8(), late);
        sent.expect("a byte that is sent");
        assert_eq!(read.expect("a byte"), 7);
    }
}
