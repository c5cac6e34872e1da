//! A connection's timer for the heads of its requests, which most of them do not touch.
//!
//! hyper makes a timer for each head and drops it when the head is there. To take a place among the
//! runtime's timers and give it back costs as much as reading the head. Here a connection keeps its
//! place: it is moved on only once its time has come, however many requests there were meanwhile.

use hyper::rt::{Sleep, Timer};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant as StdInstant};
use tokio::time::{self, Instant};

type Alarm = Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>;

/// The timer of one connection.
#[derive(Default)]
pub(crate) struct HeadTimer(Alarm);

/// A head that has to come before a moment.
struct Awaited {
    deadline: Instant,
    alarm: Alarm,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until((Instant::now() + duration).into_std())
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Awaited { deadline: deadline.into(), alarm: Arc::clone(&self.0) })
    }

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

impl Sleep for Awaited {}

impl Future for Awaited {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if alarm.deadline() >= deadline {
                return Poll::Ready(());
            }
            // It was set for a head that has come.
            alarm.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_own_time_however_many_came_before() {
        let timer = HeadTimer::default();
        for _ in 0..25 {
            // Each comes after a second, of ten.
            assert!(timeout(SECOND, timer.sleep(10 * SECOND)).await.is_err());
        }
        let begun = Instant::now();
        timer.sleep(10 * SECOND).await;
        assert_eq!(begun.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_time_is_not_missed() {
        let (timer, begun) = (HeadTimer::default(), Instant::now());
        assert!(timeout(SECOND, timer.sleep(60 * SECOND)).await.is_err());
        timer.sleep(2 * SECOND).await;
        assert_eq!(begun.elapsed().as_secs(), 3);
        timer.sleep(Duration::ZERO).await;
        assert_eq!(begun.elapsed().as_secs(), 3);
    }
}
