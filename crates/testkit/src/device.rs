//! A device whose agent calls.

use crate::actor::Actor;
use crate::answer::Answer;
use crate::test_app::TestApp;
use axum::http::Method;
use serde_json::{Value, json};

/// A device that has joined a client.
#[derive(Clone)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Its client's id.
    pub client: String,
    /// What tells it from the client's others.
    pub unique_key: String,
    /// Its agent, with its token.
    pub agent: Actor,
}

impl Device {
    /// What agents say of a device with this key.
    pub fn facts(unique_key: &str) -> Value {
        json!({
            "name": format!("host-{unique_key}"),
            "unique_key": unique_key,
            "os_name": "Debian GNU/Linux",
            "os_version": "12",
            "agent_version": "1.0.0",
        })
    }

    /// Where its client's administrators find it.
    pub fn path(&self) -> String {
        format!("/v2/clients/{}/devices/{}", self.client, self.id)
    }

    /// A heartbeat with more in it.
    pub async fn check_in(&self, more: &Value) -> Answer {
        let mut body = json!({ "agent_version": "1.0.0" });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.agent.post("/v2/agent/check-in", &body).await
    }

    /// A heartbeat that tells which configuration is obeyed, and waits for another.
    pub async fn wait(&self, config_version: &Value, seconds: u32) -> Answer {
        self.check_in(&json!({ "config_version": config_version, "wait_seconds": seconds })).await
    }

    /// An inventory.
    pub async fn inventory(&self, body: &Value) -> Answer {
        let request = self.agent.request(Method::PUT, "/v2/agent/inventory");
        self.agent.send(request.json(body)).await
    }

    /// Records of usage.
    pub async fn usage(&self, records: &Value) -> Answer {
        self.agent.post("/v2/agent/usage", &json!({ "records": records })).await
    }

    /// Lines of the agent's log.
    pub async fn logs(&self, records: &Value) -> Answer {
        self.agent.post("/v2/agent/logs", &json!({ "records": records })).await
    }
}

impl TestApp {
    /// A new enrolment token of a client: its value.
    pub async fn enrollment_token(&self, client: &str, terms: &Value) -> String {
        let path = format!("/v2/clients/{client}/enrollment-tokens");
        let made = self.operator().post(&path, terms).await.expect(201).json();
        made["value"].as_str().expect("a value").to_owned()
    }

    /// Asks for a device to join.
    pub async fn enroll(&self, token: &str, unique_key: &str) -> Answer {
        let body = json!({ "enrollment_token": token, "device": Device::facts(unique_key) });
        self.anon().post("/v2/agent/enroll", &body).await
    }

    /// A device of a client, joined with a token of its own.
    pub async fn device(&self, client: &str, unique_key: &str) -> Device {
        let token = self.enrollment_token(client, &json!({})).await;
        let joined = self.enroll(&token, unique_key).await.expect(201).json();
        self.joined(client, unique_key, &joined)
    }

    /// The device that an enrolment was answered with.
    pub fn joined(&self, client: &str, unique_key: &str, joined: &Value) -> Device {
        let text = |name: &str| joined[name].as_str().expect("text").to_owned();
        Device {
            id: text("device_id"),
            client: client.to_owned(),
            unique_key: unique_key.to_owned(),
            agent: self.bearer(&text("device_token")),
        }
    }
}
