//! How what agents call is described.

use super::lists_of_names;
use crate::openapi::{Doc, Refusal};
use crate::organizations::agents::views::{ConfigView, EnrolledView, UsageAcceptedView};
use crate::shared::described::of;
use crate::shared::schema::{Moment, names};
use clientbook_agent_protocol::limits;
use clientbook_model::agent::{Collected, Directive, TOKEN_PREFIX};
use clientbook_model::device::{Cores, DeviceText, Memory, Version};
use clientbook_model::telemetry::{self, LogLevel, UsageKind};
use clientbook_model::text::Text;
use clientbook_model::{api_token, device_user};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

lists_of_names! {
    DirectiveName = Directive::ALL.map(Directive::as_str);
    CollectedName = Collected::ALL.map(Collected::as_str);
    UsageKindName = UsageKind::ALL.map(UsageKind::as_str);
    LogLevelName = LogLevel::ALL.map(LogLevel::as_str);
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)*) => {
        $(
            $(#[doc = $doc])+
            pub(in crate::organizations) enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let about = [$($doc.trim()),+].join(" ");
                    let schema: ObjectBuilder = $schema;
                    RefOr::T(Schema::Object(schema.description(Some(about)).build()))
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

texts! {
    /// A text of a device: stored trimmed.
    DeviceWord = of::<DeviceText>().examples(["laptop-7"]);
    /// A version.
    VersionText = of::<Version>().examples(["1.4.0"]);
    /// What a device knows a user by, the same at every start.
    UserKeyText = of::<device_user::UserKey>().examples(["uid-1000"]);
    /// A name of software, an application or a domain; a domain has neither path nor query.
    ItemName = of::<telemetry::ItemText>().examples(["Firefox"]);
    /// Where software came from.
    SourceName = of::<telemetry::Source>().examples(["dpkg"]);
    /// Unique for the device: sent again, it is not counted again.
    RecordIdText = of::<telemetry::RecordId>().examples(["2026-03-10-17"]);
    /// A line for people, without what was collected.
    LogText = of::<telemetry::LogMessage>().examples(["The spool was full"]);
    /// Logical cores.
    CoreCount = of::<Cores>();
    /// Bytes of memory.
    MemoryBytes = of::<Memory>();
    /// How long.
    SecondsUsed = of::<telemetry::Seconds>();
    /// How many visits.
    VisitCount = of::<telemetry::Visits>();
    /// How long the answer may be held until the configuration is another than `config_version`.
    WaitSeconds = of::<crate::organizations::agents::WaitSeconds>();
    /// The newest configuration that the agent obeys.
    ConfigVersion = of::<Text<255>>().examples(["0f1e2d3c4b5a6978"]);
    /// For people.
    ErrorMessage = of::<Text<500>>().examples(["/var/lib/dpkg/status cannot be read"]);
    /// Which kind of error.
    ErrorCodeText = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[a-z0-9_]{1,64}$"))
        .examples(["software_source_unreadable"]);
    /// Opens `/v2/agent` and nothing else. Told this once: to enrol again replaces it.
    DeviceToken = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^{TOKEN_PREFIX}[A-Za-z0-9]{{{}}}$", api_token::LENGTH)));
}

/// A device that asks to join.
#[derive(ToSchema)]
struct Enroll {
    /// The value of an enrolment token of the client.
    enrollment_token: String,
    device: DeviceInput,
}

/// What a device is.
#[derive(ToSchema)]
struct DeviceInput {
    #[schema(value_type = DeviceWord)]
    name: String,
    #[schema(value_type = Option<DeviceWord>)]
    serial_number: Option<String>,
    /// What tells it from all others of the client; an inventory may not change it.
    #[schema(value_type = DeviceWord)]
    unique_key: String,
    #[schema(value_type = DeviceWord)]
    os_name: String,
    #[schema(value_type = DeviceWord)]
    os_version: String,
    #[schema(value_type = VersionText)]
    agent_version: String,
    hardware: Option<HardwareInput>,
    extensions: Option<ExtensionsInput>,
}

/// Its parts; what could not be found out is absent.
#[derive(ToSchema)]
struct HardwareInput {
    #[schema(value_type = Option<DeviceWord>)]
    manufacturer: Option<String>,
    #[schema(value_type = Option<DeviceWord>)]
    model: Option<String>,
    #[schema(value_type = Option<DeviceWord>)]
    cpu_model: Option<String>,
    #[schema(value_type = Option<CoreCount>)]
    cpu_cores: Option<i64>,
    #[schema(value_type = Option<MemoryBytes>)]
    ram: Option<i64>,
}

/// The browser extension, by browser.
#[derive(ToSchema)]
struct ExtensionsInput {
    chrome: Option<ExtensionInput>,
    edge: Option<ExtensionInput>,
    firefox: Option<ExtensionInput>,
}

/// The browser extension in one browser.
#[derive(ToSchema)]
struct ExtensionInput {
    #[schema(value_type = Option<VersionText>)]
    version: Option<String>,
    installed: bool,
    auto_update: Option<bool>,
    #[schema(value_type = Option<Moment>)]
    last_activity_at: Option<String>,
}

/// A heartbeat.
#[derive(ToSchema)]
struct CheckIn {
    #[schema(value_type = VersionText)]
    agent_version: String,
    #[schema(value_type = Option<ConfigVersion>)]
    config_version: Option<String>,
    /// The users with sessions; only while usage is collected.
    #[schema(schema_with = seen_users, required = false)]
    users: Value,
    /// What keeps the agent from its work; replaces what was told before. Only while something is
    /// collected.
    #[schema(schema_with = deployment_errors, required = false)]
    deployment_errors: Value,
    #[schema(value_type = Option<WaitSeconds>)]
    wait_seconds: Option<i64>,
}

/// A user with a session on the device.
#[derive(ToSchema)]
struct SeenUser {
    #[schema(value_type = UserKeyText)]
    user_key: String,
    /// The login name.
    #[schema(value_type = DeviceWord)]
    username: String,
}

/// What keeps an agent from its work.
#[derive(ToSchema)]
struct DeploymentError {
    #[schema(value_type = ErrorCodeText)]
    code: String,
    #[schema(value_type = ErrorMessage)]
    message: String,
}

/// A device's inventory. A part that is given replaces that part whole.
#[derive(ToSchema)]
struct Inventory {
    device: Option<DeviceInput>,
    #[schema(schema_with = software, required = false)]
    software: Value,
}

/// A piece of installed software.
#[derive(ToSchema)]
struct SoftwareInput {
    #[schema(value_type = ItemName)]
    name: String,
    #[schema(value_type = ItemName)]
    version: String,
    #[schema(value_type = Option<ItemName>)]
    publisher: Option<String>,
    #[schema(value_type = Option<SourceName>)]
    source: Option<String>,
    #[schema(value_type = Option<Moment>)]
    installed_at: Option<String>,
}

/// Records of usage.
#[derive(ToSchema)]
struct UsageInput {
    #[schema(schema_with = usage_records)]
    records: Value,
}

/// A stretch of time in which a user used an application, or visits to a domain.
#[derive(ToSchema)]
struct UsageRecord {
    #[schema(value_type = RecordIdText)]
    id: String,
    #[schema(value_type = UsageKindName)]
    kind: String,
    #[schema(value_type = UserKeyText)]
    user_key: String,
    #[schema(value_type = ItemName)]
    name: String,
    /// At most 10 minutes ahead of the server's clock, and not from before what is kept.
    #[schema(value_type = Moment)]
    started_at: String,
    #[schema(value_type = SecondsUsed)]
    seconds: i64,
    #[schema(value_type = Option<VisitCount>)]
    visits: Option<i64>,
}

/// Lines of an agent's log.
#[derive(ToSchema)]
struct Logs {
    #[schema(schema_with = log_records)]
    records: Value,
}

/// A line of it.
#[derive(ToSchema)]
struct LogRecord {
    #[schema(value_type = Moment)]
    at: String,
    #[schema(value_type = LogLevelName)]
    level: String,
    #[schema(value_type = LogText)]
    message: String,
}

fn list(of: &str, most: usize) -> ArrayBuilder {
    ArrayBuilder::new().items(Ref::from_schema_name(of)).max_items(Some(most))
}

fn seen_users() -> ArrayBuilder {
    list("SeenUser", limits::USERS)
}

fn deployment_errors() -> ArrayBuilder {
    list("DeploymentError", limits::DEPLOYMENT_ERRORS)
}

fn software() -> ArrayBuilder {
    list("SoftwareInput", limits::SOFTWARE)
}

fn usage_records() -> ArrayBuilder {
    list("UsageRecord", limits::USAGE_RECORDS)
}

fn log_records() -> ArrayBuilder {
    list("LogRecord", limits::LOG_RECORDS)
}

fn laptop() -> Value {
    json!({
        "name": "laptop-7",
        "serial_number": "C02XK0XXJG5H",
        "unique_key": "4c4c4544-0031-3010-8031-b2c04f4d3732",
        "os_name": "Debian GNU/Linux",
        "os_version": "12",
        "agent_version": "1.4.0",
        "hardware": {
            "manufacturer": "Lenovo",
            "model": "ThinkPad T14",
            "cpu_model": "AMD Ryzen 7 PRO 6850U",
            "cpu_cores": 16,
            "ram": 33_554_432_000_i64,
        },
        "extensions": {
            "chrome": { "version": "2.1.0", "installed": true, "auto_update": true },
        },
    })
}

fn config() -> Value {
    json!({
        "config_version": "0f1e2d3c4b5a6978",
        "effective_mode": "saas_usage",
        "directive": "collect",
        "collect": ["device", "software", "app_usage", "web_usage"],
        "users": [{ "user_key": "uid-1000", "collect": true }],
        "log_shipping_enabled": false,
        "next_check_in_seconds": 60,
    })
}

pub(in crate::organizations) fn enroll() -> Doc {
    let token = "enroll_z9y8x7w6v5u4t3s2r1q0p9o8n7m6l5k4";
    let body = json!({ "enrollment_token": token, "device": laptop() });
    let answer = json!({
        "device_id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a",
        "device_token": format!("{TOKEN_PREFIX}{}", "aB3".repeat(api_token::LENGTH).split_at(api_token::LENGTH).0),
        "check_in": config(),
    });
    let about = "Lets a device join the client of an enrolment token. The same unique key at the \
                 same client is the same device, with a new token, unless it was deleted; a retry \
                 by the device that this very token let in is not counted";
    Doc::new("enrollDevice", about)
        .answers::<EnrolledView<'_>>(201, "The device has joined", answer)
        .takes::<Enroll>(vec![("laptop", body)])
}

pub(in crate::organizations) fn check_in() -> Doc {
    let body = json!({
        "agent_version": "1.4.0",
        "config_version": "0f1e2d3c4b5a6978",
        "users": [{ "user_key": "uid-1000", "username": "bob" }],
        "wait_seconds": 60,
    });
    let about = "A heartbeat, answered with what the agent is to do: at once, or with \
                 `wait_seconds` when that changes";
    Doc::new("checkIn", about)
        .answers::<ConfigView<'_>>(200, "What to do from now on", config())
        .takes::<CheckIn>(vec![("waiting", body), ("plain", json!({ "agent_version": "1.4.0" }))])
        .using::<SeenUser>()
        .using::<DeploymentError>()
        .refuses(&[Refusal::NotCollected])
}

pub(in crate::organizations) fn inventory() -> Doc {
    let software = json!({
        "name": "firefox-esr", "version": "128.8.0esr-1~deb12u1",
        "publisher": "Debian Mozilla Team", "source": "dpkg",
        "installed_at": "2026-02-01T09:30:00.000Z",
    });
    let body = json!({ "device": laptop(), "software": [software] });
    Doc::new("replaceInventory", "Replaces what the device is, what is installed on it, or both")
        .takes::<Inventory>(vec![("whole", body)])
        .using::<SoftwareInput>()
        .refuses(&[Refusal::NotCollected])
}

pub(in crate::organizations) fn usage() -> Doc {
    let record = |id: &str, kind: &str, name: &str, visits: Option<i64>| {
        let mut record = json!({
            "id": id, "kind": kind, "user_key": "uid-1000", "name": name,
            "started_at": "2026-03-10T14:00:00.000Z", "seconds": 900,
        });
        if let Some(visits) = visits {
            record["visits"] = visits.into();
        }
        record
    };
    let records =
        [record("17", "app", "Firefox", None), record("18", "web", "example.com", Some(4))];
    let about = "Adds records of usage, each once however often it is sent. An unknown \
                 `user_key` is a new user";
    Doc::new("addUsage", about)
        .answers::<UsageAcceptedView>(
            202,
            "What became of them",
            json!({ "accepted": 1, "duplicates": 1 }),
        )
        .takes::<UsageInput>(vec![("two", json!({ "records": records }))])
        .using::<UsageRecord>()
        .refuses(&[Refusal::NotCollected])
}

pub(in crate::organizations) fn logs() -> Doc {
    let line = json!({
        "at": "2026-03-10T14:29:00.000Z", "level": "warn", "message": "The spool was full",
    });
    Doc::new("addAgentLog", "Adds lines of the agent's own log, while that is wanted")
        .takes::<Logs>(vec![("one", json!({ "records": [line] }))])
        .using::<LogRecord>()
        .refuses(&[Refusal::NotCollected])
}

pub(in crate::organizations) fn uninstalled() -> Doc {
    Doc::new("agentUninstalled", "The agent's last word: its token dies with it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::agents::known;
    use std::collections::BTreeSet;

    fn names(known: &[&str]) -> BTreeSet<String> {
        known.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_bodies_have_the_fields_that_are_read() {
        assert_eq!(properties::<Enroll>(), names(known::ENROLL));
        assert_eq!(properties::<DeviceInput>(), names(known::DEVICE));
        assert_eq!(properties::<HardwareInput>(), names(known::HARDWARE));
        assert_eq!(properties::<ExtensionsInput>(), names(known::EXTENSIONS));
        assert_eq!(properties::<ExtensionInput>(), names(known::EXTENSION));
        assert_eq!(properties::<CheckIn>(), names(known::CHECK_IN));
        assert_eq!(properties::<SeenUser>(), names(known::SEEN_USER));
        assert_eq!(properties::<DeploymentError>(), names(known::DEPLOYMENT_ERROR));
        assert_eq!(properties::<Inventory>(), names(known::INVENTORY));
        assert_eq!(properties::<SoftwareInput>(), names(known::SOFTWARE));
        assert_eq!(properties::<UsageInput>(), names(known::USAGE));
        assert_eq!(properties::<UsageRecord>(), names(known::RECORD));
        assert_eq!(properties::<Logs>(), names(known::LOGS));
        assert_eq!(properties::<LogRecord>(), names(known::LINE));
    }
}
