//! What may be collected, by the last directive. Pure: everything that gathers or sends asks here.

use clientbook_agent_protocol::{Collect, Config, Directive, UsageKind, UsageRecord, limits};
use std::collections::BTreeSet;

/// What may be collected. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Permits {
    kinds: BTreeSet<Collect>,
    users: BTreeSet<String>,
    logs: bool,
}

impl Permits {
    /// What this directive permits. A list of kinds is void unless the directive is to collect.
    pub(crate) fn of(config: &Config) -> Self {
        if config.directive != Directive::Collect {
            return Self::default();
        }
        let users = config.users.iter().filter(|user| user.collect).take(limits::USERS);
        Self {
            kinds: config.collect.iter().copied().filter(|it| *it != Collect::Unknown).collect(),
            users: users.map(|user| user.user_key.clone()).collect(),
            logs: config.log_shipping_enabled,
        }
    }

    pub(crate) fn kind(&self, kind: Collect) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether the users with sessions may be named: who sits at a device is no device fact.
    pub(crate) fn usage(&self) -> bool {
        self.kind(Collect::AppUsage) || self.kind(Collect::WebUsage)
    }

    /// Whether anything is collected.
    pub(crate) fn anything(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// Whether the agent's own log may be sent.
    pub(crate) fn logs(&self) -> bool {
        self.logs
    }

    /// Whose usage of this kind may be collected.
    pub(crate) fn users(&self, kind: Collect) -> impl Iterator<Item = &str> {
        self.users.iter().filter(move |_| self.kind(kind)).map(String::as_str)
    }

    /// Whether this user's usage of this kind may be collected.
    pub(crate) fn user(&self, kind: Collect, user_key: &str) -> bool {
        self.kind(kind) && self.users.contains(user_key)
    }

    /// Whether this record may be kept and sent.
    pub(crate) fn record(&self, record: &UsageRecord) -> bool {
        let kind = match record.kind {
            UsageKind::App => Collect::AppUsage,
            UsageKind::Web => Collect::WebUsage,
        };
        self.user(kind, &record.user_key)
    }

    /// What is left while nobody's usage may be gathered.
    pub(crate) fn without_usage(&self) -> Self {
        let kinds = self.kinds.iter().copied();
        let kinds = kinds.filter(|it| matches!(it, Collect::Device | Collect::Software)).collect();
        Self { kinds, users: BTreeSet::new(), logs: self.logs }
    }

    /// What is left when a server has refused: only these kinds, and not these users.
    pub(crate) fn narrowed(&self, kinds: &[Collect], without_users: &[String]) -> Self {
        Self {
            kinds: self.kinds.iter().filter(|kind| kinds.contains(kind)).copied().collect(),
            users: self.users.iter().filter(|key| !without_users.contains(key)).cloned().collect(),
            logs: self.logs,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clientbook_agent_protocol::UserConfig;
    use proptest::prelude::*;

    pub(crate) fn config(directive: Directive, collect: &[Collect], users: &[&str]) -> Config {
        let collected = |key: &&str| UserConfig { user_key: (*key).into(), collect: true };
        Config {
            config_version: "1".into(),
            effective_mode: "saas_usage".into(),
            directive,
            collect: collect.to_vec(),
            users: users.iter().map(collected).collect(),
            log_shipping_enabled: false,
            next_check_in_seconds: 60,
        }
    }

    pub(crate) fn record(id: &str, kind: UsageKind, user_key: &str) -> UsageRecord {
        UsageRecord {
            id: id.into(),
            kind,
            user_key: user_key.into(),
            name: "Files".into(),
            started_at: "2026-03-10T14:30:00.000Z".into(),
            seconds: 15,
            visits: None,
        }
    }

    #[test]
    fn each_kind_is_permitted_by_itself() {
        let app = Permits::of(&config(Directive::Collect, &[Collect::AppUsage], &["uid:1"]));
        assert!(app.record(&record("1", UsageKind::App, "uid:1")));
        assert!(!app.record(&record("1", UsageKind::Web, "uid:1")));
        assert!(!app.record(&record("1", UsageKind::App, "uid:2")));
        assert!(app.usage() && !app.kind(Collect::Device));
    }

    #[test]
    fn a_user_who_is_named_but_not_collected_is_not() {
        let mut config = config(Directive::Collect, &[Collect::AppUsage], &["uid:1"]);
        config.users[0].collect = false;
        assert!(!Permits::of(&config).user(Collect::AppUsage, "uid:1"));
    }

    #[test]
    fn words_of_a_newer_server_permit_nothing() {
        let users = &["uid:1"];
        let one = Permits::of(&config(Directive::Collect, &[Collect::Unknown], users));
        assert!(!one.anything() && !one.usage());
        let all = [Collect::Device, Collect::AppUsage, Collect::Unknown];
        assert!(Permits::of(&config(Directive::Collect, &all, users)).kind(Collect::Device));
        assert_eq!(Permits::of(&config(Directive::Unknown, &all, users)), Permits::default());
    }

    #[test]
    fn a_refusal_narrows() {
        let both = [Collect::AppUsage, Collect::WebUsage];
        let permits = Permits::of(&config(Directive::Collect, &both, &["uid:1", "uid:2"]));
        let left = permits.narrowed(&[Collect::AppUsage, Collect::Device], &["uid:2".into()]);
        assert!(left.user(Collect::AppUsage, "uid:1"));
        assert!(!left.user(Collect::AppUsage, "uid:2") && !left.user(Collect::WebUsage, "uid:1"));
        assert!(!left.kind(Collect::Device));
    }

    proptest! {
        /// Whatever else an answer says, nothing is collected unless it says to collect.
        #[test]
        fn idle_and_uninstall_permit_nothing(uninstall: bool, logs: bool, key in "[a-z]{1,4}") {
            let directive = if uninstall { Directive::Uninstall } else { Directive::Idle };
            let all =
                [Collect::Device, Collect::Software, Collect::AppUsage, Collect::WebUsage];
            let mut config = config(directive, &all, &[&key]);
            config.log_shipping_enabled = logs;
            let permits = Permits::of(&config);
            prop_assert_eq!(&permits, &Permits::default());
            prop_assert!(!permits.anything() && !permits.usage() && !permits.logs());
            prop_assert!(!permits.record(&record("1", UsageKind::App, &key)));
        }
    }
}
