//! `/v2/clients/export`

use crate::organizations::client_list::{MODE, Q, STATUS, TENANT, wishes};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::{Parameter, about_parameters};
use crate::shared::schema;
use axum::body::Body;
use bytes::Bytes;
use clientbook_app::{AppError, Export, ExportTerms, Home};
use clientbook_model::moving::Format;
use futures_util::{Stream, stream};
use std::io;

pub(in crate::organizations) const EXPORT_PARAMETERS: &[Parameter] = &[
    TENANT,
    Parameter {
        name: "format",
        about: "One JSON object a line, or comma-separated values with a header",
        schema: || schema::choice(&Format::ALL.map(Format::as_str), Some("ndjson")),
    },
    Q,
    STATUS,
    MODE,
];

/// Every client that the caller may see, by number.
pub(in crate::organizations) async fn export(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let formats = Format::ALL.map(Format::as_str);
    let format = parameters.one_of("format", &formats, Format::from_name);
    let format = format.unwrap_or(Format::Ndjson);
    let terms = ExportTerms {
        home: Home::Field { asked: parameters.text("tenant").map(str::to_owned), at: "/tenant" },
        wishes: wishes(&mut parameters),
        format,
    };
    parameters.finish()?;
    let export = call.app.export_clients(&call.caller, terms).await.map_err(about_parameters)?;
    let name = match format {
        Format::Ndjson => "clients.ndjson",
        Format::Csv => "clients.csv",
    };
    Ok(Answer::stream(format.media_type(), name, Body::from_stream(bytes(export))))
}

/// Pages are read as fast as the caller takes them.
fn bytes(export: Export) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(export, async |mut export| match export.next().await {
        Ok(Some(bytes)) => Ok(Some((Bytes::from(bytes), export))),
        Ok(None) => Ok(None),
        Err(error) => Err(broken_off(&error)),
    })
}

fn broken_off(error: &AppError) -> io::Error {
    tracing::error!(?error, "an export broke off");
    io::Error::other("the export broke off")
}
