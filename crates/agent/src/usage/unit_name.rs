//! Control groups that say which application a process belongs to: systemd's of desktops, and those
//! of flatpak and snap. Pure.

/// What a control group says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The name of a desktop file, without its ending.
    Desktop(String),
    /// A flatpak's id.
    Flatpak(String),
    /// A snap's name, and the application's within it.
    Snap(String, String),
}

/// The units that processes are in.
const KINDS: &[&str] = &["scope", "service"];

/// Reads the lines of `/proc/…/cgroup`, the innermost group first.
pub(super) fn said(groups: &str) -> Option<Said> {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut names = paths.flat_map(|path| path.rsplit('/'));
    names.find_map(|name| {
        let (unit, kind) = name.rsplit_once('.').filter(|(_, kind)| KINDS.contains(kind))?;
        snap(unit).or_else(|| application(unit, kind == "scope"))
    })
}

/// `snap.NAME.APP-RANDOM.scope`, `snap.NAME.APP.service`.
fn snap(unit: &str) -> Option<Said> {
    let mut parts = unit.strip_prefix("snap.")?.splitn(2, '.');
    let (name, application) = (parts.next()?, parts.next()?);
    // The random part is a UUID; the application's name may have hyphens too.
    let application = match application.len().checked_sub(37) {
        Some(at) if application.as_bytes().get(at) == Some(&b'-') => application.get(..at)?,
        _ => application,
    };
    Some(Said::Snap(name.to_owned(), application.to_owned()))
}

/// `app[-LAUNCHER]-ID-RANDOM.scope`, `app[-LAUNCHER]-ID[@RANDOM].service`: the Desktop
/// specifications' way to name them. Hyphens of the id are escaped.
fn application(unit: &str, is_scope: bool) -> Option<Said> {
    let rest = unit.strip_prefix("app-")?;
    let rest = if is_scope {
        rest.rsplit_once('-')?.0
    } else {
        rest.split_once('@').map_or(rest, |(id, _)| id)
    };
    let (launcher, id) = match rest.split_once('-') {
        Some((launcher, id)) => (launcher, id),
        None => ("", rest),
    };
    let id = unescape(id);
    // An autostarted program of the session is one that nobody opened.
    let is_application = !id.is_empty() && launcher != "dbus";
    is_application.then(
        || {
            if launcher == "flatpak" { Said::Flatpak(id) } else { Said::Desktop(id) }
        },
    )
}

/// systemd's escapes: `\x2d` is a hyphen.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = digits {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.extend_from_slice(b"\\x");
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USER: &str = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/";

    fn of(unit: &str) -> Option<Said> {
        said(&format!("{USER}{unit}\n"))
    }

    fn desktop(id: &str) -> Said {
        Said::Desktop(id.into())
    }

    #[test]
    fn applications_of_a_desktop_are_named() {
        assert_eq!(
            of("app-gnome-org.gnome.Calculator-4711.scope"),
            Some(desktop("org.gnome.Calculator"))
        );
        assert_eq!(of("app-org.kde.konsole-4a3b9c.scope"), Some(desktop("org.kde.konsole")));
        assert_eq!(of("app-gnome-firefox\\x2desr-12.scope"), Some(desktop("firefox-esr")));
        assert_eq!(of("app-org.kde.dolphin@3f2e.service"), Some(desktop("org.kde.dolphin")));
        assert_eq!(
            of("app-flatpak-org.signal.Signal-99.scope"),
            Some(Said::Flatpak("org.signal.Signal".into()))
        );
    }

    #[test]
    fn snaps_are_named() {
        let snap = |name: &str, app: &str| Some(Said::Snap(name.into(), app.into()));
        let id = "0c1e2d3f-1111-2222-3333-444455556666";
        assert_eq!(of(&format!("snap.firefox.firefox-{id}.scope")), snap("firefox", "firefox"));
        assert_eq!(of("snap.code.url-handler.service"), snap("code", "url-handler"));
    }

    #[test]
    fn other_groups_say_nothing() {
        for unit in ["dbus.service", "vte-spawn-1.scope", "init.scope", "app.slice", "app-.scope"] {
            assert_eq!(of(unit), None, "{unit}");
        }
        assert_eq!(of("app-dbus-org.gnome.Nautilus.slice/dbus.service"), None);
        assert_eq!(said(""), None);
        assert_eq!(said("12:pids:/system.slice/cron.service\n0::/"), None);
    }

    proptest! {
        /// Any process may be in a group of any name.
        #[test]
        fn no_name_upsets_it(name in "(app-|snap\\.)?[a-z.@\\\\xé0-9-]{0,50}(\\.scope|\\.service)?") {
            let _anything = of(&name);
        }
    }
}
