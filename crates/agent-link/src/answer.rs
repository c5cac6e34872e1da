//! What comes back, and what it means.

use bytes::Bytes;
use clientbook_agent_protocol::pace::Failed;
use clientbook_agent_protocol::{Collect, code};
use http_body_util::{BodyExt as _, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{DATE, RETRY_AFTER};
use serde::Deserialize;
use std::time::Duration;

/// Of an answer. A configuration names at most some thousands of users.
const ANSWER_BYTES: usize = 4 << 20;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
    /// The `Date` header.
    pub date: Option<String>,
    /// At most 4 MiB.
    pub body: Bytes,
}

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Of HTTP.
    pub status: u16,
    /// Why.
    pub failed: Failed,
    /// What the server says of it; `None` where the answer is not in the protocol's own words.
    pub told: Option<Told>,
}

/// An error in the protocol's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// One of [`code`], or another.
    pub code: String,
    /// Of any length, and with any characters.
    #[serde(default)]
    pub message: String,
    /// What else belongs to it.
    #[serde(default)]
    pub details: Details,
}

/// What is told with `collection_not_permitted`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What may be collected; `None` if the answer does not say.
    pub collect: Option<Vec<Collect>>,
    /// Whose data was in the way, if only theirs was.
    pub user_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Problem {
    error: Told,
}

impl Answer {
    pub(crate) async fn take_in(response: Response<Incoming>) -> Result<Self, String> {
        let (head, body) = response.into_parts();
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let seconds = text(RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        let date = text(DATE).map(str::to_owned);
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Self { status: head.status.as_u16(), retry_after, date, body })
    }

    /// The answer, if it is not one that says no. Only an error in the protocol's own words counts as a
    /// refusal: a proxy or a portal on the way that says 401 or 403 knows nothing of tokens and modes.
    ///
    /// # Errors
    /// What it says, as [`Failed::Away`] where it is no refusal.
    pub fn judge(self) -> Result<Self, Refused> {
        let Self { status, retry_after, .. } = self;
        if (200..300).contains(&status) {
            return Ok(self);
        }
        let problem = serde_json::from_slice::<Problem>(&self.body);
        let told = problem.ok().map(|problem| problem.error);
        let failed = match (status, told.as_ref().map(|told| told.code.as_str())) {
            (401, Some(code::CLIENT_INACTIVE)) => Failed::ClientInactive,
            (401, Some(code::UNAUTHENTICATED)) => Failed::Unauthenticated,
            (403, Some(code::COLLECTION_NOT_PERMITTED)) => Failed::NotPermitted,
            (400 | 413 | 415 | 422, Some(_)) => Failed::Invalid,
            _ => Failed::Away { retry_after },
        };
        Err(Refused { status, failed, told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: Failed = Failed::Away { retry_after: Some(Duration::from_secs(7)) };

    fn judged(status: u16, body: &str) -> Result<Answer, Refused> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer { status, retry_after: Some(Duration::from_secs(7)), date: None, body }.judge()
    }

    fn refused(status: u16, body: &str) -> Refused {
        judged(status, body).expect_err("no")
    }

    fn problem(code: &str, details: &str) -> String {
        format!(r#"{{"error": {{"code": "{code}", "message": "m", "details": {details}}}}}"#)
    }

    #[test]
    fn refusals_are_told_apart_by_their_code() {
        for (status, code, failed) in [
            (401, "client_inactive", Failed::ClientInactive),
            (401, "unauthenticated", Failed::Unauthenticated),
            (403, "collection_not_permitted", Failed::NotPermitted),
            (400, "invalid_request", Failed::Invalid),
            (401, "else", AWAY),
            (404, "not_found", AWAY),
            (409, "conflict", AWAY),
            (503, "unavailable", AWAY),
        ] {
            let refused = refused(status, &problem(code, "{}"));
            assert_eq!((refused.status, refused.failed), (status, failed), "{code}");
            assert_eq!(refused.told.expect("its words").message, "m");
        }
    }

    #[test]
    fn a_refused_kind_says_what_is_left() {
        let details = r#"{"collect": ["device"], "user_keys": ["uid:1"], "directive": "collect"}"#;
        let told = refused(403, &problem("collection_not_permitted", details)).told;
        let told = told.expect("its words").details;
        assert_eq!(told.collect, Some(vec![Collect::Device]));
        assert_eq!(told.user_keys, ["uid:1"]);
    }

    #[test]
    fn who_does_not_speak_the_protocol_refuses_nothing() {
        for status in [301, 400, 401, 403, 404, 407, 502, 511] {
            for body in ["", "<html>Log in</html>", r#"{"error": "no"}"#] {
                assert_eq!(refused(status, body), Refused { status, failed: AWAY, told: None });
            }
        }
        assert!(judged(204, "").is_ok());
    }
}
