//! Tells clients which authorization servers' tokens are believed (RFC 9728).

use crate::openapi::Doc;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::{Access, Operation};
use axum::http::{Method, StatusCode};
use clientbook_model::audit::Surface;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Where the metadata stand.
pub(crate) const PATH: &str = "/.well-known/oauth-protected-resource";

#[derive(Serialize, ToSchema)]
struct ProtectedResourceView<'a> {
    resource: &'a str,
    resource_name: &'static str,
    // RFC 9728, section 2: a list without entries is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![Operation::new(Surface::System, Method::GET, PATH, Access::Public, read, doc)]
}

fn doc() -> Doc {
    let example = json!({
        "resource": "https://clients.example.com",
        "resource_name": "Clientbook",
        "authorization_servers": ["https://id.example.com"],
        "bearer_methods_supported": ["header"],
    });
    let doc = Doc::new("readProtectedResource", "Whose tokens are believed (RFC 9728)");
    doc.answers::<ProtectedResourceView>(200, "The metadata", example)
}

async fn read(call: Call) -> Result<Answer, ApiError> {
    // Only a URL can be looked up (RFC 8414, section 2); a shared secret's issuer may be any text.
    let is_url = |issuer: &&str| issuer.starts_with("https://") || issuer.starts_with("http://");
    let view = ProtectedResourceView {
        resource: &call.public_url,
        resource_name: "Clientbook",
        authorization_servers: call.app.issuers().filter(is_url).collect(),
        bearer_methods_supported: ["header"],
    };
    Answer::json(StatusCode::OK, &view)
}
