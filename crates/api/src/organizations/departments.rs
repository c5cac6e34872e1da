//! `/v2/clients/{client_id}/departments`

use super::device_views::department;
use super::{clients, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, same_id};
use crate::shared::query::{CURSOR, PageSize, Parameter, about_parameters};
use crate::shared::schema;
use clientbook_app::{DepartmentChange, DepartmentQuery, NewDepartment};
use clientbook_model::department::{Department, DepartmentPatch};
use serde_json::Value;

const PAGE: PageSize = PageSize { default: 50, max: 500 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

/// The departments of a client, by name.
pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let target = clients::target(&call);
    let mut parameters = std::mem::take(&mut call.query);
    let query = DepartmentQuery {
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_departments(&call.caller, target, query).await;
    Answer::list(&views::list(&page.map_err(about_parameters)?, department))
}

/// Reads one department.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let asked = asked(&call);
    let found = call.app.read_department(&call.caller, clients::target(&call), asked).await?;
    Answer::record(found.version, &department(&found))
}

/// Makes a department.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new = call.admitted(clients::target(&call), new_department(&call)).await?;
    let target = clients::target(&call);
    let show = |made: &Department| {
        let place = format!("/v2/clients/{}/departments/{}", made.client_id, made.id);
        Answer::created(made.version, place, &department(made))
    };
    call.once(|once| call.app.create_department(&call.caller, target, new, once), show).await
}

/// Changes the name or the description.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let change = call.admitted(clients::target(&call), change(&call)).await?;
    let (target, asked) = (clients::target(&call), asked(&call));
    let show = |changed: &Department| Answer::record(changed.version, &department(changed));
    let run = |once| call.app.change_department(&call.caller, target, asked, change, once);
    call.once(run, show).await
}

/// Removes a department.
pub(super) async fn remove(call: Call) -> Result<Answer, ApiError> {
    let (target, asked) = (clients::target(&call), asked(&call));
    let precondition = call.precondition.clone();
    call.app.remove_department(&call.caller, target, asked, precondition).await?;
    Ok(Answer::no_content())
}

pub(super) fn asked(call: &Call) -> String {
    call.segment("department_id").to_owned()
}

pub(super) const NEW: &[&str] = &["name", "description"];

pub(super) const KNOWN: &[&str] = &["id", "name", "description", "created_at", "updated_at"];

fn new_department(call: &Call) -> Result<NewDepartment, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", NEW);
    let (name, description) = (fields.required("name"), fields.optional("description"));
    Ok(NewDepartment { name, description, violations: fields.violations })
}

fn change(call: &Call) -> Result<DepartmentChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let patch =
        DepartmentPatch { name: fields.set("name"), description: fields.patch("description") };
    let same = |department: &Department, sent: &Value| same_id(sent, &department.id);
    let echoes = fields.sent_back("id", same).into_iter().collect();
    let (violations, precondition) = (fields.violations, call.precondition.clone());
    Ok(DepartmentChange { patch, echoes, violations, precondition })
}
