//! What the agent knows while it runs, and what each thing that happens makes of it. `run.rs` waits
//! for those things.

mod contact;
mod upload;

pub(crate) use contact::{Contact, Contacted, Next};
pub(crate) use upload::{Sending, Upload};

use upload::Kind;

use crate::browsing::{self, Cursors};
use crate::clock::Clock;
use crate::env::{self, Millis};
use crate::failure::Failure;
use crate::files;
use crate::gather::{COPIES, Found, Gatherer, Order};
use crate::log::Ring;
use crate::pace::{Contacts, Pace};
use crate::permits::Permits;
use crate::places::Places;
use crate::server::Server;
use crate::spool::{self, Gathered, Spool};
use crate::state::{self, Enrollment, Told};
use crate::status::Status;
use crate::transport::{Connection, Target};
use crate::usage::windows::Windows;
use clientbook_agent_protocol::{Collect, DeploymentError, Inventory, SeenUser};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::time::Instant;
use upload::Sent;

const SPOOL: &str = "spool";

/// The agent.
pub(crate) struct Agent {
    pub(crate) places: Places,
    pub(crate) enrollment: Enrollment,
    pub(crate) pace: Pace,
    server: Server,
    ring: Ring,
    clock: Clock,
    /// The server's clock says something else.
    clock_is_off: bool,
    told: Told,
    /// When `told` was last kept.
    kept_at: Millis,
    permits: Permits,
    /// The server said 401: nothing is gathered until it says otherwise.
    refused: bool,
    /// The last check-in succeeded: what may be sent is known.
    confirmed: bool,
    contacts: Contacts,
    connection: Option<Connection>,
    answered_at: Instant,
    /// When to check in next.
    contact_at: Instant,
    /// Who has a session; `None` before the first look.
    users: Option<Vec<SeenUser>>,
    errors: BTreeMap<&'static str, Vec<DeploymentError>>,
    errors_told: Vec<DeploymentError>,
    windows: Windows,
    looked_at: Option<Instant>,
    spool: Spool,
    cursors: Cursors,
    inventory: Inventory,
    sent: Sent,
    /// Lines of the log that the server has.
    logs_sent: u64,
    uploads_at: Instant,
    /// How many files of the spool go in one call; fewer once the server refused them together.
    batch: usize,
    due: Due,
    status: Status,
}

/// When to look at what next.
#[derive(Debug, Clone, Copy)]
struct Due {
    sample: Instant,
    scan: Instant,
    inventory: Instant,
}

impl Agent {
    /// Takes up the work where it was left.
    pub(crate) fn start(
        places: Places,
        enrollment: Enrollment,
        token: String,
        pace: Pace,
        ring: Ring,
    ) -> Result<Self, Failure> {
        let file =
            |name: &str, error: &io::Error| Failure::file("used", &places.state_file(name), error);
        // A kill may have left some.
        files::remove_all(&places.state_file(COPIES)).map_err(|error| file(COPIES, &error))?;
        let opened = Spool::open(places.state_file(SPOOL), spool::MAX_BYTES);
        let spool = opened.map_err(|error| file(SPOOL, &error))?;
        let mut told = state::told(&places);
        told.count_from(env::now());
        let server = Server::new(Target::new(&enrollment.server)?, Some(token));
        let now = Instant::now();
        let mut agent = Self {
            clock: Clock::new(env::now(), env::running()),
            clock_is_off: false,
            kept_at: told.at,
            permits: told.permits(env::now()),
            sent: Sent::read(&places),
            status: Status::begin(env::now()),
            places,
            enrollment,
            pace,
            server,
            ring,
            told,
            refused: false,
            confirmed: false,
            contacts: Contacts::default(),
            connection: None,
            answered_at: now,
            contact_at: now,
            users: None,
            errors: BTreeMap::new(),
            errors_told: Vec::new(),
            windows: Windows::default(),
            looked_at: None,
            spool,
            cursors: Cursors::new(),
            inventory: Inventory::default(),
            logs_sent: 0,
            uploads_at: now,
            batch: usize::MAX,
            due: Due { sample: now, scan: now, inventory: now },
        };
        agent.prune()?;
        Ok(agent)
    }

    /// What looks at the device.
    pub(crate) fn gatherer(&self) -> Gatherer {
        let Enrollment { unique_key, extensions, .. } = self.enrollment.clone();
        Gatherer::new(self.places.clone(), unique_key, extensions)
    }

    /// What may be gathered now.
    fn gathers(&self) -> Permits {
        match (self.refused, self.clock_is_off) {
            (true, _) => Permits::default(),
            (false, true) => self.permits.without_usage(),
            (false, false) => self.permits.clone(),
        }
    }

    /// A directive ends when nobody repeats it, and somebody may have set the clock. True if either
    /// changed something: then what is being gathered and sent must stop.
    pub(crate) fn expire(&mut self) -> Result<bool, Failure> {
        let now = env::now();
        let set = self.clock.set_by(now, env::running());
        if let Some(by) = set {
            tracing::warn!(seconds = by / 1_000, "the clock was set, visits count from now on");
            self.clock_was_set(by, now);
        }
        let permits = self.told.permits(now);
        if !permits.anything() && self.permits.anything() {
            self.told.count_no_more();
        }
        Ok(self.permit(permits)? || set.is_some())
    }

    fn clock_was_set(&mut self, by: Millis, now: Millis) {
        self.told.clock_was_set(by, now);
        self.windows.clock_was_set(by);
        let newest = now.saturating_mul(1_000);
        self.cursors.values_mut().for_each(|at| *at = newest.min(*at));
        let now = Instant::now();
        self.due = Due { sample: now, scan: now, ..self.due };
    }

    /// From now on this is permitted, and what is not is thrown away. True if it is something else
    /// than before: then what is being gathered and sent must stop.
    fn permit(&mut self, permits: Permits) -> Result<bool, Failure> {
        if permits == self.permits {
            return Ok(false);
        }
        self.permits = permits;
        self.prune()?;
        let now = Instant::now();
        self.due = Due { sample: now, scan: now, inventory: now };
        Ok(true)
    }

    fn prune(&mut self) -> Result<(), Failure> {
        let permits = &self.permits;
        self.windows.prune(permits);
        if !permits.usage() {
            self.users = None;
            self.looked_at = None;
        }
        if !permits.kind(Collect::Device) {
            self.inventory.device = None;
        }
        if !permits.kind(Collect::Software) {
            self.inventory.software = None;
            self.errors.remove("software");
        }
        if !permits.kind(Collect::WebUsage) {
            self.errors.remove("history");
        }
        let web: Vec<&str> = permits.users(Collect::WebUsage).collect();
        let is_read = |cursor: &String| web.iter().any(|key| browsing::is_cursor_of(cursor, key));
        self.cursors.retain(|cursor, _| is_read(cursor));
        let dropped = self.spool.prune(permits);
        let dropped = dropped.map_err(|error| self.spool_failed(&error))?;
        if dropped > 0 {
            tracing::info!(dropped, "records may not be sent any more and were thrown away");
        }
        Ok(())
    }

    fn spool_failed(&self, error: &io::Error) -> Failure {
        Failure::file("used", &self.places.state_file(SPOOL), error)
    }

    /// What is to be looked at now; `None` if nothing is.
    pub(crate) fn order(&mut self, now: Instant) -> Option<Order> {
        let permits = self.gathers();
        let mut order = Order { now: env::now(), ..Order::default() };
        let mut is_due = false;
        // What has been due for longest goes first: looks that take long leave nothing undone.
        let is_first = || self.order_at() == Some(self.due.sample);
        if permits.usage() && self.due.sample <= now && is_first() {
            order.sessions = true;
            order.applications = permits.users(Collect::AppUsage).map(str::to_owned).collect();
            self.due.sample = now + self.pace.sample;
            // By itself: the server waits to hear who is there, and the rest may take long.
            return Some(order);
        }
        if permits.kind(Collect::WebUsage) && self.due.scan <= now {
            is_due = true;
            order.cursors = self.cursors.clone();
            order.visits = self.told.web_since.clone();
            order.visits.retain(|key, _| permits.user(Collect::WebUsage, key));
            self.due.scan = now + env::jitter(self.pace.scan, 0.9, 1.1);
        }
        let (device, software) = (permits.kind(Collect::Device), permits.kind(Collect::Software));
        if (device || software) && self.due.inventory <= now {
            is_due = true;
            (order.device, order.software) = (device, software);
            self.due.inventory = now + env::jitter(self.pace.inventory, 0.9, 1.1);
        }
        is_due.then_some(order)
    }

    /// When something is to be looked at next; `None` while nothing may be.
    pub(crate) fn order_at(&self) -> Option<Instant> {
        let permits = self.gathers();
        let usage = permits.usage().then_some(self.due.sample);
        let web = permits.kind(Collect::WebUsage).then_some(self.due.scan);
        let device = permits.kind(Collect::Device) || permits.kind(Collect::Software);
        [usage, web, device.then_some(self.due.inventory)].into_iter().flatten().min()
    }

    /// Takes in what was found. True if a check-in that is held should make way for another: other
    /// users have sessions than before, or there is an inventory to send.
    pub(crate) fn found(&mut self, found: Found, now: Instant) -> Result<bool, Failure> {
        if let Some(running) = found.running {
            let since = self.looked_at.map_or(Duration::ZERO, |looked_at| now - looked_at);
            self.windows.add(running, env::now(), since, self.pace.sample);
        }
        let mut others = false;
        if let Some(users) = found.users {
            self.looked_at = Some(now);
            others = self.users.as_ref() != Some(&users);
            self.users = Some(users);
        }
        if self.windows.is_over(env::now(), self.pace.window) {
            let used = self.windows.take();
            self.keep(&used)?;
        }
        if let Some(scan) = found.scan {
            self.errors.insert("history", scan.errors);
            self.keep(&scan.gathered)?;
            self.cursors.extend(scan.cursors);
        }
        let looked = found.device.is_some() || found.software.is_some();
        if let Some(device) = found.device {
            self.inventory.device = self.sent.is_new_device(&device).then_some(device);
        }
        if let Some((software, errors)) = found.software {
            self.errors.insert("software", errors);
            self.inventory.software = software.filter(|all| self.sent.is_new_software(all));
        }
        Ok(others || looked && self.has_inventory())
    }

    /// Spools what was gathered. A full disk loses it, and stops nothing else.
    fn keep(&mut self, gathered: &[Gathered]) -> Result<(), Failure> {
        if gathered.is_empty() {
            return Ok(());
        }
        match self.spool.append(gathered, env::now()) {
            Ok(0) => Ok(()),
            Ok(dropped) => {
                tracing::warn!(dropped, "the spool is full, its oldest records gave way");
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                tracing::error!(lost = gathered.len(), "the disk is full, records are lost");
                Ok(())
            }
            Err(error) => Err(self.spool_failed(&error)),
        }
    }

    /// Before the process ends: what was used so far.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        let used = self.windows.take();
        self.keep(&used)
    }

    fn all_errors(&self) -> Vec<DeploymentError> {
        self.errors.values().flatten().take(20).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
