//! What HTTP itself costs: hyper on the runtime that the server has too, with an answer that is
//! the server's own but never changes.

use crate::Failure;
use crate::http;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::io;
use tokio::net::TcpListener;

/// An answer to give again and again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Constant {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Serves the answer on standard input until the process is ended.
pub(crate) fn serve() -> Result<(), Failure> {
    let constant: Constant = serde_json::from_reader(io::stdin())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &constant.headers {
        // hyper adds these two itself, as it does for the server.
        if !["content-length", "date"].contains(&name.to_ascii_lowercase().as_str()) {
            headers.append(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
        }
    }
    let body = Bytes::from(constant.body);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("Listens on http://{}", listener.local_addr()?);
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(body.clone()));
            response.headers_mut().clone_from(&headers);
            async move { Ok::<_, Infallible>(response) }
        });
        http::serve(listener, service).await.map(|never| match never {})
    })
}
