//! What the demo's users use on an ordinary day.

use clientbook_model::telemetry::UsageKind;

/// An application or a domain.
pub(super) struct Habit {
    pub(super) kind: UsageKind,
    pub(super) name: &'static str,
    /// Seconds of an application, visits of a domain.
    pub(super) amount: i64,
}

const fn app(name: &'static str, minutes: i64) -> Habit {
    Habit { kind: UsageKind::App, name, amount: 60 * minutes }
}

const fn web(name: &'static str, visits: i64) -> Habit {
    Habit { kind: UsageKind::Web, name, amount: visits }
}

/// By the user's name. All applications of a user together run for less than half a day.
pub(super) const HABITS: &[(&str, &[Habit])] = &[
    (
        "alice",
        &[
            app("Visual Studio Code", 210),
            app("Firefox", 150),
            app("Terminal", 120),
            app("Slack", 60),
            web("github.com", 64),
            web("stackoverflow.com", 22),
            web("docs.rs", 18),
            web("atlassian.net", 15),
            web("slack.com", 9),
        ],
    ),
    (
        "bob",
        &[
            app("Firefox ESR", 180),
            app("GNU Emacs", 170),
            app("Konsole", 110),
            app("Thunderbird", 45),
            web("github.com", 41),
            web("debian.org", 12),
            web("wikipedia.org", 8),
            web("atlassian.net", 21),
        ],
    ),
    (
        "carol",
        &[
            app("Google Chrome", 240),
            app("LibreOffice Calc", 80),
            app("Zoom", 95),
            app("Slack", 50),
            web("salesforce.com", 75),
            web("hubspot.com", 33),
            web("linkedin.com", 27),
            web("zoom.us", 6),
        ],
    ),
    (
        "dave",
        &[
            app("Firefox ESR", 140),
            app("LibreOffice Writer", 90),
            app("Thunderbird", 70),
            web("salesforce.com", 38),
            web("docusign.net", 11),
            web("dhl.com", 7),
        ],
    ),
    (
        "erin",
        &[
            app("Firefox ESR", 60),
            app("LibreOffice Calc", 100),
            app("Document Viewer", 30),
            web("xero.com", 44),
            web("wikipedia.org", 5),
        ],
    ),
    (
        "frank",
        &[app("Terminal", 75), app("Firefox", 20), web("github.com", 16), web("grafana.com", 24)],
    ),
];
