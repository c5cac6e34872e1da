//! Fetches the keys of JWT issuers.

use clientbook_app::{FetchKeys, KeySource};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The most of a document that is read.
const BYTES: usize = 1 << 20;

/// Reads JWKS documents from where the settings say.
pub(crate) fn fetcher() -> reqwest::Result<FetchKeys> {
    // A redirect could lead to whoever the settings do not name.
    let builder = || Client::builder().timeout(TIMEOUT).redirect(Policy::none());
    let client = builder().build()?;
    // Without TLS keys come from this machine, never by way of a proxy that could change them.
    let direct = builder().no_proxy().build()?;
    Ok(Arc::new(move |source| {
        let tls = matches!(&source, KeySource::Url(url) if url.starts_with("https:"));
        let client = if tls { client.clone() } else { direct.clone() };
        Box::pin(async move {
            match source {
                KeySource::Url(url) => download(&client, &url).await,
                KeySource::File(path) => tokio::fs::read_to_string(&path)
                    .await
                    .map_err(|error| format!("{}: {error}", path.display())),
                KeySource::Secret(_) => Err("a shared secret is not fetched".into()),
            }
        })
    }))
}

async fn download(client: &Client, url: &str) -> Result<String, String> {
    let response = client.get(url).header("Accept", "application/json").send().await;
    let response = response.map_err(told)?;
    if !response.status().is_success() {
        return Err(format!("it answered {}", response.status()));
    }
    let body = read(response).await?;
    String::from_utf8(body).map_err(|error| error.to_string())
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > BYTES {
            return Err(format!("the document is larger than {BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A failure with its causes, without the URL: its query may be nobody else's business.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
