//! What a process writes, as it comes: waited for, not polled.

use crate::process::PATIENCE;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Everything a process has written to one pipe so far.
#[derive(Clone)]
pub(crate) struct Written {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// Whole lines, so that no test sees half of one.
    text: String,
    ended: bool,
}

impl Written {
    /// Reads `pipe` to its end: what nobody reads would fill it and stop the process.
    pub(crate) fn read(pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::default(), Condvar::new()));
        let this = Self { shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            loop {
                let mut line = Vec::new();
                let read = pipe.read_until(b'\n', &mut line);
                let (state, changed) = &*shared;
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.ended = !matches!(read, Ok(bytes) if bytes > 0);
                state.text.push_str(&String::from_utf8_lossy(&line));
                changed.notify_all();
                if state.ended {
                    return;
                }
            }
        });
        this
    }

    /// What there is now.
    pub(crate) fn now(&self) -> String {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// What there is once it has `part`.
    pub(crate) fn until(&self, part: &str) -> String {
        let text = self.until_or_end(part);
        assert!(text.contains(part), "{part:?} is not in {text:?}");
        text
    }

    /// What there is once it has `part`, or never will.
    pub(crate) fn until_or_end(&self, part: &str) -> String {
        let text = self.wait(PATIENCE, |state| state.ended || state.text.contains(part));
        text.unwrap_or_else(|text| text)
    }

    /// All of it, once the process has ended.
    pub(crate) fn all(&self, patience: Duration) -> String {
        self.wait(patience, |state| state.ended)
            .unwrap_or_else(|text| panic!("no end within {patience:?}: {text:?}"))
    }

    fn wait(&self, patience: Duration, done: impl Fn(&State) -> bool) -> Result<String, String> {
        let (state, changed) = &*self.shared;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, waited) = changed
            .wait_timeout_while(state, patience, |state| !done(state))
            .unwrap_or_else(PoisonError::into_inner);
        let text = state.text.clone();
        if waited.timed_out() { Err(text) } else { Ok(text) }
    }
}
