//! What a made-up device says: plausible in kind and size, the same at every run.

use clientbook_agent_protocol::{
    Device, Hardware, SeenUser, Software, Usage, UsageKind, UsageRecord,
};
use clientbook_app::Env;
use clientbook_model::time::{Day, Timestamp};

/// Titles that are installed on a device: what a desktop system has beyond its base.
const TITLES: u32 = 300;

/// Applications that a user uses within one record's time.
const APPLICATIONS: [&str; 4] = ["Firefox", "Files", "Terminal", "LibreOffice Calc"];

/// Domains, of which a user visits some between two looks at the histories.
const DOMAINS: [&str; 12] = [
    "example.com",
    "example.org",
    "example.net",
    "wiki.example",
    "mail.example",
    "crm.example",
    "tickets.example",
    "calendar.example",
    "files.example",
    "news.example",
    "maps.example",
    "search.example",
];

/// Domains visited between two looks.
const VISITED: usize = 3;

/// One of the devices that are simulated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    /// What all their names begin with.
    pub(super) prefix: &'a str,
    pub(super) number: u32,
}

impl Made<'_> {
    /// What the device is.
    pub(super) fn device(self) -> Device {
        let Self { prefix, number } = self;
        Device {
            name: format!("{prefix}-{number:05}"),
            serial_number: Some(format!("{prefix}-sn-{number:05}")),
            unique_key: self.key(),
            os_name: "Debian GNU/Linux".into(),
            os_version: if number.is_multiple_of(4) { "13" } else { "12" }.into(),
            agent_version: env!("CARGO_PKG_VERSION").into(),
            hardware: Some(Hardware {
                manufacturer: Some("Clientbook".into()),
                model: Some("Simulated".into()),
                cpu_model: Some("Simulated".into()),
                cpu_cores: Some(4 << (number % 3)),
                ram: Some(8 << 30 << (number % 3)),
            }),
            extensions: None,
        }
    }

    /// The same at every run: what joins again is the same device.
    fn key(self) -> String {
        format!("{}-key-{:05}", self.prefix, self.number)
    }

    /// Who has a session on it.
    pub(super) fn user(self) -> SeenUser {
        SeenUser {
            user_key: format!("uid:1000@{}", self.key()),
            username: format!("user{:05}", self.number),
        }
    }

    /// What is installed. Most of it is the same on all devices; some versions lag behind.
    pub(super) fn software(self) -> Vec<Software> {
        let title = |at: u32| Software {
            name: format!("package-{at:03}"),
            version: format!("1.{}.{}", at % 7, (at + self.number) % 20 / 19),
            publisher: None,
            source: Some("dpkg".into()),
            installed_at: None,
        };
        (0..TITLES).map(title).collect()
    }

    /// What its user used from `since` on until `now`, of what may be collected.
    pub(super) fn usage(self, env: &Env, since: Timestamp, now: Timestamp, kinds: Kinds) -> Usage {
        let user_key = self.user().user_key;
        let seconds = u32::try_from((now.millis() - since.millis()) / 1_000).unwrap_or_default();
        let record = |kind, name: &str, started_at: Timestamp, seconds, visits| UsageRecord {
            id: env.random_uuid().simple().to_string(),
            kind,
            user_key: user_key.clone(),
            name: name.to_owned(),
            started_at: started_at.to_string(),
            seconds,
            visits,
        };
        let [first, share, visits]: [u8; 3] = env.bytes();
        let mut records = Vec::with_capacity(APPLICATIONS.len() + VISITED);
        if kinds.applications {
            // Not all of them run all the time.
            let used = |at: usize| if at == 0 { seconds } else { seconds * u32::from(share) / 255 };
            let of =
                |(at, name): (usize, &&str)| record(UsageKind::App, name, since, used(at), None);
            records.extend(APPLICATIONS.iter().enumerate().map(of));
        }
        if kinds.domains {
            // As from a history: of a day, without the time of a visit.
            let day = Day::of(now).begin().max(since);
            let domains = DOMAINS.iter().cycle().skip(usize::from(first) % DOMAINS.len());
            let visits = 1 + u32::from(visits % 8);
            let of = |name: &&str| record(UsageKind::Web, name, day, 0, Some(visits));
            records.extend(domains.take(VISITED).map(of));
        }
        Usage { records }
    }
}

/// Which usage may be collected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) applications: bool,
    pub(super) domains: bool,
}

impl Kinds {
    pub(super) fn any(self) -> bool {
        self.applications || self.domains
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clientbook_agent_protocol::limits;
    use std::collections::HashSet;

    #[test]
    fn a_device_is_the_same_at_every_run_and_no_other() {
        let devices: HashSet<_> =
            (0..500).map(|number| Made { prefix: "load", number }.device().unique_key).collect();
        assert_eq!(devices.len(), 500);
        let one = Made { prefix: "load", number: 7 };
        assert_eq!((one.device(), one.software()), (one.device(), one.software()));
        assert_eq!(one.user(), one.user());
    }

    #[test]
    fn usage_is_within_what_may_be_told() {
        let made = Made { prefix: "load", number: 7 };
        let now = Timestamp::clamped(1_773_153_000_000);
        let since = Timestamp::clamped(now.millis() - 300_000);
        let both = Kinds { applications: true, domains: true };
        let usage = made.usage(&Env::system(), since, now, both);
        assert_eq!(usage.records.len(), APPLICATIONS.len() + VISITED);
        let ids: HashSet<_> = usage.records.iter().map(|record| &record.id).collect();
        assert_eq!(ids.len(), usage.records.len());
        assert!(usage.records.iter().all(|record| record.seconds <= 300));
        assert!(usage.records.len() <= limits::USAGE_RECORDS);
        let web = Kinds { domains: true, ..Kinds::default() };
        let usage = made.usage(&Env::system(), since, now, web);
        assert!(usage.records.iter().all(|record| record.kind == UsageKind::Web));
    }
}
