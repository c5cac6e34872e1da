//! The use cases: load within the tenant, authorize, let `model` decide, write, audit, commit.
//!
//! The only place for transactions, authorization and audit. Knows no HTTP and no SQL. Clock and
//! randomness come in as values (`Env`).

mod agent_logs;
mod agents;
mod api_tokens;
mod as_of;
mod audit_log;
mod authenticate;
mod bootstrap;
mod bulk_change;
mod caller;
mod change_client;
mod checkpoint;
mod client_types;
mod control;
mod create;
mod create_client;
mod cursor;
mod demo;
mod departments;
mod device_users;
mod devices;
mod dry_run;
mod echo;
mod enrollment_tokens;
mod env;
mod erase_client;
mod erased_imports;
mod error;
mod export_clients;
mod fields;
mod import_clients;
mod issuer;
mod jwt;
mod kept;
mod kept_answers;
mod list_audit;
mod list_clients;
mod load;
mod merge_clients;
mod old_imports;
mod read_client;
mod recorder;
mod references;
mod remove_client;
mod revert_client;
mod sample;
mod software;
mod tenants;
mod usage;
mod values;
mod verify_audit;

pub use agents::{
    Agent, CheckIn, DEFAULT_RETENTION_DAYS, Enrolled, Enrollment, Inventory, NotCollected,
    SeenUser, UsageAccepted,
};
pub use api_tokens::{ApiTokenQuery, NewApiToken};
pub use audit_log::CollectionControlQuery;
pub use bootstrap::Bootstrap;
pub use bulk_change::{BulkChange, BulkOutcome, MAX_CLIENTS, Targets};
pub use caller::Caller;
pub use change_client::{Change, ClientChange, Precondition};
pub use checkpoint::{Checkpoint, SigningKey, VerifyingKey};
pub use client_types::NewClientType;
pub use clientbook_store::agent_logs::LogLine;
pub use clientbook_store::client_lists::{Order, Sort};
pub use clientbook_store::clients::{ClientKey, ClientRecord, Parent};
pub use clientbook_store::device_lists::{DeviceOrder, DeviceSort, DeviceSummary};
pub use clientbook_store::device_user_lists::{SightingOrder, UserOrder, UserSort};
pub use clientbook_store::imports::ImportMark;
pub use clientbook_store::refusals::Refusals;
pub use clientbook_store::software::{Bearer, Installed, Title};
pub use clientbook_store::usage::{GroupBy, UsageOf, UsageSum};
pub use control::{Control, ControlOutcome, Controls, MAX_CONTROLLED};
pub use create_client::NewClient;
pub use cursor::Page;
pub use demo::DemoData;
pub use departments::{DepartmentChange, DepartmentQuery, NewDepartment};
pub use device_users::{
    SightingQuery, SightingRecord, UserChange, UserQuery, UserRecord, UserSummary,
};
pub use devices::{DeviceChange, DeviceQuery, DeviceRecord};
pub use echo::Echo;
pub use enrollment_tokens::{EnrollmentTerms, EnrollmentTokenQuery};
pub use env::{Clock, Entropy, Env};
pub use error::{AppError, Forbidden, Missing, Unauthenticated};
pub use export_clients::{Export, ExportTerms};
pub use fields::{FieldChangeWish, FieldRef, NewField, Reordering};
pub use import_clients::{Import, ImportReport, ImportTerms, RowError};
pub use issuer::{ClaimNames, FetchKeys, IssuerSettings, KeySource, check_keys};
pub use kept::DEFAULT_CLIENT_CACHE;
pub use kept_answers::{Done, Key, KeyedCall, Once, Show, Told};
pub use list_audit::{AuditExport, AuditQuery, Whose};
pub use list_clients::{ClientListQuery, ClientPage, NumberedQuery, PageShows};
pub use load::{ClientRef, Home};
pub use merge_clients::{Merge, Merged};
pub use read_client::{ReadClient, Shown};
pub use software::ListQuery;
pub use tenants::{NewTenant, TenantChange, TenantQuery};
pub use usage::UsageQuery;
pub use verify_audit::{AuditFault, AuditReport, AuditScope};

use clientbook_store::Db;
use cursor::Cursors;
use issuer::Issuer;
use jwt::Issuers;
use kept::Kept;
use kept_answers::{Allowance, Running};
use std::sync::Arc;

/// The application: everything a surface, the console or the command line can ask for. Cheap to
/// clone: each request does.
#[derive(Clone)]
pub struct App(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    db: Db,
    env: Env,
    cursors: Cursors,
    issuers: Issuers,
    kept: Kept,
    scrubs: Arc<tokio::sync::Mutex<()>>,
    running: Running,
    allowance: Allowance,
    waiting: agents::Waiting,
    gathered: agents::Gathered,
    /// How many days of telemetry are kept.
    retention_days: i64,
}

impl App {
    /// Believes JWTs of these issuers too; `fetch` gets their keys.
    #[must_use]
    pub fn with_issuers(mut self, issuers: Vec<IssuerSettings>, fetch: &FetchKeys) -> Self {
        let issuer = |one| Arc::new(Issuer::new(one, FetchKeys::clone(fetch)));
        let parts = Arc::make_mut(&mut self.0);
        parts.issuers = Issuers(issuers.into_iter().map(issuer).collect());
        self
    }

    /// The issuers whose JWTs are believed.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.0.issuers.0.iter().map(|issuer| issuer.settings.issuer.as_str())
    }

    /// The time, as every part of the process sees it.
    pub fn now(&self) -> clientbook_model::time::Timestamp {
        self.0.env.now()
    }

    /// Time that has gone by since some moment that stays the same.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.env.elapsed()
    }

    /// A new id for a request that brought none.
    pub fn new_request_id(&self) -> String {
        self.0.env.uuid(self.0.env.now()).to_string()
    }

    /// Whether the store answers and takes writes.
    pub async fn ping(&self) -> Result<(), AppError> {
        Ok(self.0.db.ping().await?)
    }
}
