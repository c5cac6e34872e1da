//! How departments are described.

use super::control::of_users;
use crate::openapi::{Doc, Refusal};
use crate::organizations::device_views::DepartmentView;
use crate::organizations::views::ListView;
use crate::shared::schema::{DepartmentDescription, DepartmentName, Id};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A department to make.
#[derive(ToSchema)]
#[schema(as = DepartmentInput)]
struct NewDepartment {
    #[schema(value_type = DepartmentName)]
    name: String,
    #[schema(value_type = Option<DepartmentDescription>)]
    description: Option<String>,
}

/// A change of a department. What was read may be sent back: the id must then match, times are ignored.
#[derive(ToSchema)]
struct DepartmentPatch {
    #[schema(value_type = Option<DepartmentName>, nullable = false)]
    name: Option<String>,
    #[schema(value_type = Option<DepartmentDescription>)]
    description: Option<String>,
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

fn department() -> Value {
    json!({
        "id": "d1e2f3a4-b5c6-7890-abcd-ef1234567890",
        "name": "Engineering",
        "description": "Builds the product",
        "created_at": "2026-01-15T12:00:00.000Z",
        "updated_at": "2026-01-15T12:00:00.000Z",
    })
}

pub(in crate::organizations) fn list() -> Doc {
    let example = json!({ "data": [department()], "total_count": 1, "next_cursor": null });
    Doc::new("listDepartments", "Lists the departments of a client, by name")
        .answers::<ListView<DepartmentView<'_>>>(200, "A page of departments", example)
        .listing::<DepartmentView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn read() -> Doc {
    Doc::new("readDepartment", "Reads a department")
        .answers::<DepartmentView<'_>>(200, "The department", department())
        .tagged()
}

pub(in crate::organizations) fn create() -> Doc {
    let body = json!({ "name": "Engineering", "description": "Builds the product" });
    Doc::new("createDepartment", "Makes a department")
        .creates::<DepartmentView<'_>>("The new department", department())
        .takes::<NewDepartment>(vec![("department", body)])
        .refuses(&[Refusal::DepartmentTaken])
}

pub(in crate::organizations) fn update() -> Doc {
    let mut changed = department();
    changed["name"] = json!("Research");
    changed["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    Doc::new("updateDepartment", "Changes a department's name or description")
        .answers::<DepartmentView<'_>>(200, "The department as it is now", changed)
        .tagged()
        .takes::<DepartmentPatch>(vec![("name", json!({ "name": "Research" }))])
        .refuses(&[Refusal::DepartmentTaken])
}

pub(in crate::organizations) fn remove() -> Doc {
    Doc::new("removeDepartment", "Removes a department, and takes everybody out of it")
        .preconditioned()
}

pub(in crate::organizations) fn add_members() -> Doc {
    of_users("addDepartmentMembers", "Puts users in a department")
}

pub(in crate::organizations) fn remove_members() -> Doc {
    of_users("removeDepartmentMembers", "Takes users out of a department")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::departments::{KNOWN, NEW};

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewDepartment>(), names(NEW));
        assert_eq!(properties::<DepartmentPatch>(), names(KNOWN));
    }
}
