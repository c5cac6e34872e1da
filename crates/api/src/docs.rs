//! The descriptions of the surfaces, and the page that shows them. The page's files are part of
//! the binary: nothing is fetched from elsewhere, and its policy forbids it.

use crate::openapi::{DOCUMENTS, Doc, Document};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::operation::{Access, Operation};
use axum::http::Method;
use clientbook_model::audit::Surface;
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::{Config, Url, serve};

/// The files that the page is made of.
pub(crate) const FILES: [&str; 7] = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "swagger-initializer.js",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
];

/// This server only. Swagger UI draws its icons from `data:` and sets styles on elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Clientbook: the API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/index.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png" sizes="32x32">
<link rel="icon" type="image/png" href="/docs/favicon-16x16.png" sizes="16x16">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-standalone-preset.js"></script>
<script src="/docs/swagger-initializer.js"></script>
</body>
</html>
"#;

static TEXTS: LazyLock<Vec<(Surface, Vec<u8>)>> = LazyLock::new(|| {
    let operations = crate::operations();
    let text = |document: &Document| text(&document.of(&operations));
    DOCUMENTS.iter().map(|document| (document.surface, text(document))).collect()
});

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        public("/openapi/organizations.json", organizations, || described("Organizations")),
        public("/openapi/tenants.json", tenants, || described("Tenants")),
        public("/openapi/workspace.json", workspace, || described("Workspace")),
        public("/openapi/customer-success.json", customer_success, || described("CustomerSuccess")),
        public("/docs", page, || {
            Doc::new("showDocs", "Shows the descriptions of all surfaces")
                .serves("text/html; charset=utf-8", "The page")
        }),
        public("/docs/{file}", file, || {
            Doc::new("readDocsFile", "Reads a file of the page").serves("*/*", "The file")
        }),
    ]
}

fn public<F, R>(path: &'static str, handler: F, doc: fn() -> Doc) -> Operation
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, ApiError>> + Send + 'static,
{
    Operation::new(Surface::System, Method::GET, path, Access::Public, handler, doc)
}

fn described(surface: &'static str) -> Doc {
    let (id, summary) = match surface {
        "Tenants" => ("describeTenants", "Describes the tenants API"),
        "Workspace" => ("describeWorkspace", "Describes the workspace API"),
        "CustomerSuccess" => ("describeCustomerSuccess", "Describes the customer-success API"),
        _ => ("describeOrganizations", "Describes the organizations API"),
    };
    Doc::new(id, summary).serves("application/json", "An OpenAPI 3.1 document")
}

async fn organizations(_: Call) -> Result<Answer, ApiError> {
    document(Surface::Organizations)
}

async fn tenants(_: Call) -> Result<Answer, ApiError> {
    document(Surface::Tenants)
}

async fn workspace(_: Call) -> Result<Answer, ApiError> {
    document(Surface::Workspace)
}

async fn customer_success(_: Call) -> Result<Answer, ApiError> {
    document(Surface::CustomerSuccess)
}

fn document(surface: Surface) -> Result<Answer, ApiError> {
    let known = TEXTS.iter().find(|(known, _)| *known == surface);
    let (_, text) = known.ok_or_else(|| ApiError::internal(&"a surface has no description"))?;
    Ok(Answer::file("application/json", text.clone()))
}

async fn page(_: Call) -> Result<Answer, ApiError> {
    let mut answer = Answer::file("text/html; charset=utf-8", PAGE.into());
    answer.security_policy = Some(POLICY);
    Ok(answer)
}

async fn file(call: Call) -> Result<Answer, ApiError> {
    let name = call.segment("file");
    let known = FILES.into_iter().find(|known| *known == name).ok_or(ApiError::NoRoute)?;
    let served = serve(known, Arc::new(config())).map_err(|error| ApiError::internal(&error))?;
    let bytes = served.ok_or(ApiError::NoRoute)?.bytes.into_owned();
    let mut answer = Answer::file(media_type(known), bytes);
    answer.security_policy = Some(POLICY);
    Ok(answer)
}

fn config() -> Config<'static> {
    let urls = PATHS.iter().zip(&DOCUMENTS).map(|(path, document)| Url::new(document.title, path));
    // Without `none` the page asks a validator elsewhere.
    Config::new(urls).dom_id("#swagger-ui").validator_url("none").persist_authorization(false)
}

/// Where the documents are, in their order.
const PATHS: [&str; 4] = [
    "/openapi/organizations.json",
    "/openapi/tenants.json",
    "/openapi/workspace.json",
    "/openapi/customer-success.json",
];

fn media_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "image/png",
    }
}

/// The documents by the names of their files, as they are served.
pub(crate) fn texts() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    DOCUMENTS.iter().zip(TEXTS.iter()).map(|(document, (_, text))| (document.name, &text[..]))
}

/// As the files that are reviewed have it.
fn text(document: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).unwrap_or_default();
    text.push(b'\n');
    text
}
