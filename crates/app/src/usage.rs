//! What users of a client's devices use, summed up.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::error::{AppError, invalid};
use crate::load::{self, ClientRef, Purpose};
use crate::software::{ListQuery, split};
use clientbook_model::id::parse_uuid;
use clientbook_model::principal::Permission;
use clientbook_model::telemetry::{DayNumber, UsageKind};
use clientbook_model::time::Day;
use clientbook_store::Tx;
use clientbook_store::usage::{self, GroupBy, Span, UsageOf, UsagePlace, UsageSum};

/// How many days are summed up where the caller does not say.
const DAYS: i64 = 30;

/// What to sum up.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    /// The first day, in UTC; 30 days up to the last if absent.
    pub from: Option<Day>,
    /// The last day; today if absent.
    pub to: Option<Day>,
    /// By what.
    pub by: GroupBy,
    /// Which rows.
    pub list: ListQuery,
}

impl App {
    /// Sums of what was used on devices of the client that `target` names. Needs `telemetry.view`.
    pub async fn sum_usage(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: UsageQuery,
    ) -> Result<Page<UsageSum>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        let today = DayNumber::of(self.0.env.now());
        let list = async move |tx: &mut Tx| {
            let permission = Permission::TelemetryView;
            let client =
                load::client(tx, &caller, &target, permission, Purpose::Read).await?.client;
            let number = |day: Day| DayNumber::of(day.begin());
            let to = query.to.map_or(today, number);
            let from = query.from.map_or(to.before(DAYS - 1), number);
            if from > to {
                return Err(invalid("/from", "order", "must not be after `to`"));
            }
            let span = Span { tenant_id: client.tenant_id, client_id: client.id, from, to };
            let scope = format!("usage|{span:?}|{:?}", query.by);
            let cursor = query.list.cursor.as_deref();
            let after = cursors.resume(&scope, cursor, |text| read(text, query.by))?;
            let size = query.list.page_size;
            let rows = usage::sums(tx, &span, query.by, after.as_ref(), size + 1).await?;
            let total = usage::count(tx, &span, query.by).await?;
            Ok(cursors.page(&scope, rows, size, total, written))
        };
        self.0.db.scan(list).await
    }
}

fn written(last: &UsageSum) -> String {
    match &last.of {
        UsageOf::App(kind, name) => format!("{}\0{name}", kind.as_str()),
        UsageOf::Device(id, _) => id.to_string(),
        UsageOf::User(id, _) => id.to_string(),
        UsageOf::Day(day) => day.0.to_string(),
    }
}

fn read(text: &str, by: GroupBy) -> Option<UsagePlace> {
    Some(match by {
        GroupBy::App => {
            let [kind, name] = split(text)?;
            UsagePlace::App(UsageKind::from_name(kind)?, name.to_owned())
        }
        GroupBy::Device | GroupBy::User => UsagePlace::Id(parse_uuid(text)?),
        GroupBy::Day => UsagePlace::Day(DayNumber(text.parse().ok()?)),
    })
}
