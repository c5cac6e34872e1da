//! `model` knows no I/O, `app` no HTTP, `api` no SQL. An allow list for the model, because each
//! new dependency of it is worth a thought; deny lists for the others.

use super::marks::has_word;
use super::{Finding, RustFile};
use crate::workspace::Package;

const MODEL: &str = "clientbook-model";
const MODEL_SOURCES: &str = "crates/model/src/";

/// What the model may depend on: parsers, values and hashes, none of which touches the world.
const MODEL_MAY_USE: &[&str] = &[
    "csv-core",
    "email_address",
    "jiff",
    "phonenumber",
    "serde",
    "serde_json",
    "sha2",
    "strsim",
    "subtle",
    "thiserror",
    "unicode-normalization",
    "url",
    "uuid",
];

/// Modules of `std` that reach outside the process. Those of `core` do not: an address is a
/// `core::net::IpAddr`.
const WORLDLY_MODULES: &[&str] = &["env", "fs", "net", "process", "thread"];
const WORLDLY_NAMES: &[&str] = &["SystemTime", "tokio"];

/// Crate, dependency it may not have, why.
const DENIED: &[(&str, &str, &str)] = &[
    ("clientbook-app", "axum", "HTTP stands in api"),
    ("clientbook-app", "http", "HTTP stands in api"),
    ("clientbook-app", "hyper", "HTTP stands in api"),
    ("clientbook-api", "rusqlite", "SQL stands in store"),
    ("clientbook-api", "tokio-postgres", "SQL stands in store"),
];

pub(super) fn check(packages: &[Package], files: &[RustFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = packages.iter().flat_map(dependencies).collect();
    let model = files.iter().filter(|file| file.path.starts_with(MODEL_SOURCES));
    findings.extend(model.flat_map(worldly));
    findings
}

/// Tests may use more: what they depend on does not ship.
fn dependencies(package: &Package) -> Vec<Finding> {
    let objection = |name: &str| {
        if package.name == MODEL && !MODEL_MAY_USE.contains(&name) {
            return Some("not in the model's allow list in xtask");
        }
        let denied =
            |(denier, denied, _): &&(&str, &str, &str)| *denier == package.name && *denied == name;
        DENIED.iter().find(denied).map(|(_, _, why)| *why)
    };
    let shipped = package.dependencies.iter().filter(|dependency| !dependency.dev);
    shipped
        .filter_map(|dependency| {
            let why = objection(&dependency.name)?;
            let message = format!("{} may not use {}: {why}", package.name, dependency.name);
            Some(Finding::new(&package.manifest, package.line_of(dependency), message))
        })
        .collect()
}

/// Comments and literals may name what code may not use.
fn worldly(file: &RustFile) -> Vec<Finding> {
    let code = &file.source.code;
    let finding = |line, name: &str| {
        let message =
            format!("the model does no I/O and reads no clock: {name} is for its callers");
        Finding::new(&file.path, line, message)
    };
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for name in WORLDLY_NAMES.iter().filter(|name| has_word(line, name)) {
            findings.push(finding(index + 1, name));
        }
    }
    for (at, _) in code.match_indices("std::") {
        let line = code[..at].matches('\n').count() + 1;
        let path = &code[at + "std::".len()..];
        for module in WORLDLY_MODULES.iter().filter(|module| imports(path, module)) {
            findings.push(finding(line, &format!("std::{module}")));
        }
    }
    findings
}

/// Whether a path that goes on with `path` enters `module`, alone or in a `{group}`.
fn imports(path: &str, module: &str) -> bool {
    let enters = |part: &str| {
        let name = part.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next();
        name == Some(module)
    };
    match path.strip_prefix('{').and_then(|group| group.split(';').next()) {
        Some(group) => group.split([',', '{', '}']).any(enters),
        None => enters(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_model(text: &str) -> Vec<usize> {
        let file = RustFile::new("crates/model/src/client.rs", text);
        check(&[], &[file]).iter().map(|finding| finding.line).collect()
    }

    fn of_dependencies(package: &str, names: &[&str]) -> Vec<usize> {
        let package = Package::made_up(package, names, &["tokio", "rusqlite", "http"]);
        check(&[package], &[]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_pure_model_has_no_findings() {
        assert!(
            in_model("use std::{fmt, str::FromStr};\n// std::fs, tokio\nlet a = \"std::fs\";")
                .is_empty()
        );
        assert!(in_model("use core::net::IpAddr;\nlet tokio_like = 1;").is_empty());
    }

    #[test]
    fn the_world_in_the_model_is_found() {
        assert_eq!(in_model("use std::fmt;\nuse std::fs::File;"), [2]);
        assert_eq!(in_model("use std::{\n    fmt,\n    net::IpAddr,\n};"), [1]);
        assert_eq!(in_model("fn a() -> std::time::SystemTime {}"), [1]);
        assert_eq!(in_model("\nuse tokio::task;"), [2]);
    }

    #[test]
    fn other_crates_may_touch_the_world() {
        let file = RustFile::new("crates/store/src/lib.rs", "use std::fs;");
        assert!(check(&[], &[file]).is_empty());
    }

    #[test]
    fn a_dependency_outside_the_models_list_is_found() {
        assert_eq!(of_dependencies(MODEL, &["serde", "reqwest"]), [3]);
    }

    #[test]
    fn http_in_app_and_sql_in_api_are_found() {
        assert_eq!(of_dependencies("clientbook-app", &["axum", "hyper", "rusqlite"]), [2, 3]);
        assert_eq!(of_dependencies("clientbook-api", &["axum", "rusqlite"]), [3]);
    }
}
