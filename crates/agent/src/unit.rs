//! The service: its unit, and the program's place.

use crate::command;
use crate::failure::Failure;
use crate::files;
use crate::output;
use crate::places::Places;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "clientbook-agent.service";
const UNIT: &str = "etc/systemd/system/clientbook-agent.service";
const WANTED: &str = "etc/systemd/system/multi-user.target.wants/clientbook-agent.service";
const PROGRAM: &str = "usr/local/bin/clientbook-agent";
/// Where packages put programs: one that is there already stays there, and stays.
const PACKAGED: &[&str] = &["/usr/bin", "/usr/sbin", "/usr/local/bin"];
const LIMIT: Duration = Duration::from_mins(1);

/// What an installation puts in place, below the root, in the order in which it is removed. To be
/// remembered before it is there: whatever ends the installation, nothing of it is left behind.
pub(crate) fn planned(places: &Places) -> Result<Vec<PathBuf>, Failure> {
    // An image starts what is linked in it.
    let wanted = (!places.is_machine()).then_some(WANTED);
    let program = (!stays(places, &own()?)).then_some(PROGRAM);
    Ok(wanted.into_iter().chain(program).chain([UNIT]).map(PathBuf::from).collect())
}

/// Puts the program and its unit in place.
pub(crate) fn install(places: &Places) -> Result<(), Failure> {
    let own = own()?;
    let program = if stays(places, &own) { own } else { put(places, &own)? };
    let unit = place(places, UNIT)?;
    let text = unit_text(&program);
    files::write(&unit, text.as_bytes(), 0o644)
        .map_err(|error| Failure::file("written", &unit, &error))?;
    if !places.is_machine() {
        let wanted = place(places, WANTED)?;
        files::remove(&wanted)
            .and_then(|()| symlink(format!("../{NAME}"), &wanted))
            .map_err(|error| Failure::file("made", &wanted, &error))?;
    }
    Ok(())
}

/// The program that runs.
fn own() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::Failed(format!("the program's own path: {error}")))
}

fn stays(places: &Places, own: &Path) -> bool {
    let is_packaged = PACKAGED.iter().any(|directory| own.parent() == Some(Path::new(directory)));
    is_packaged && places.is_machine()
}

fn put(places: &Places, own: &Path) -> Result<PathBuf, Failure> {
    let place = place(places, PROGRAM)?;
    let bytes = fs::read(own).map_err(|error| Failure::file("read", own, &error))?;
    files::write(&place, &bytes, 0o755)
        .map_err(|error| Failure::file("written", &place, &error))?;
    Ok(Path::new("/").join(PROGRAM))
}

/// A place below the root, whose directory is there.
fn place(places: &Places, path: &str) -> Result<PathBuf, Failure> {
    let named = Path::new("/").join(path);
    let place = places.write(path).map_err(|error| Failure::file("written", &named, &error))?;
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(|error| Failure::file("made", parent, &error))?;
    }
    Ok(place)
}

/// Starts the service, now and whenever the machine starts, if systemd runs here.
pub(crate) fn start(places: &Places) -> Result<(), Failure> {
    if !places.is_machine() {
        output::note(
            "The unit is in place below the root; it starts with the system that is there",
        );
        return Ok(());
    }
    if !systemd_runs() {
        output::note(
            "systemd does not run here, so nothing was started. Start it with: clientbook-agent run",
        );
        return Ok(());
    }
    for arguments in [&["daemon-reload"][..], &["enable", NAME], &["restart", NAME]] {
        systemctl(arguments)
            .map_err(|error| Failure::Failed(format!("the service cannot be started: {error}")))?;
    }
    Ok(())
}

/// Stops the service, for a command that wants to have the state to itself.
pub(crate) fn stop(places: &Places) -> io::Result<()> {
    if places.is_machine() && systemd_runs() && places.write(UNIT)?.exists() {
        return systemctl(&["stop", NAME]);
    }
    Ok(())
}

/// Takes the service off the system, and what else the installation put in place.
///
/// Without stopping it: the service itself may be who calls this.
pub(crate) fn remove(places: &Places, installed: &[PathBuf]) -> io::Result<()> {
    let has_unit = installed.iter().any(|path| path == Path::new(UNIT));
    if has_unit {
        // What `systemctl enable` made.
        remove_wanted(places)?;
    }
    for path in installed {
        files::remove(&places.write(&path.to_string_lossy())?)?;
    }
    if has_unit && places.is_machine() && systemd_runs() {
        // systemd forgets the unit once its process has ended; that is no failure.
        if let Err(error) = systemctl(&["daemon-reload"]) {
            tracing::warn!(%error, "systemd could not be told that the unit is gone");
        }
    }
    Ok(())
}

/// The directory of the link may not be there.
fn remove_wanted(places: &Places) -> io::Result<()> {
    let wanted = places.write(WANTED)?;
    if wanted.is_symlink() { files::remove(&wanted) } else { Ok(()) }
}

fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn systemctl(arguments: &[&str]) -> io::Result<()> {
    command::run("systemctl", arguments, LIMIT, 64 << 10).map(drop)
}

/// The unit. The agent reads everything and writes only where it keeps its state and what it removes
/// in the end.
fn unit_text(program: &Path) -> String {
    format!(
        "\
[Unit]
Description=Clientbook device agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={} run
Restart=on-failure
RestartSec=10
# Not enrolled: starting again does not help.
RestartPreventExitStatus=2
UMask=0077
Nice=10
IOSchedulingClass=idle
MemoryMax=128M
TasksMax=64

# It reads the processes and homes of all users, and becomes nobody else.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE
NoNewPrivileges=yes
ProtectSystem=strict
# Its state, and what it removes when it uninstalls itself.
ReadWritePaths=/var/lib /etc/systemd/system -/usr/local/bin
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
",
        program.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_put_in_place_is_what_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path(), Path::new("/")).unwrap();
        let installed = planned(&places).unwrap();
        let at = |path: &Path| places.write(&path.to_string_lossy()).unwrap();
        // Once more is the same.
        for _ in 0..2 {
            install(&places).unwrap();
        }
        assert_eq!(installed.len(), 3);
        for path in &installed {
            assert!(at(path).exists(), "{}", path.display());
        }
        let program = at(Path::new(PROGRAM));
        assert_eq!(fs::metadata(program).unwrap().permissions().mode() & 0o777, 0o755);
        let unit = fs::read_to_string(at(Path::new(UNIT))).unwrap();
        assert!(unit.contains("\nExecStart=/usr/local/bin/clientbook-agent run\n"));
        remove(&places, &installed).unwrap();
        remove(&places, &installed).unwrap();
        for path in &installed {
            assert!(!at(path).is_symlink() && !at(path).exists());
        }
    }

    #[test]
    fn an_images_links_lead_to_nothing_outside_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (image, outside) = (dir.path().join("image"), dir.path().join("outside"));
        for path in ["usr", "etc", "data/units"] {
            fs::create_dir_all(image.join(path)).unwrap();
        }
        // In the system that is there: `/usr/local` is `/data`, and so on.
        symlink("/data", image.join("usr/local")).unwrap();
        symlink("/data/units", image.join("etc/systemd")).unwrap();
        let places = Places::new(&image, Path::new("/")).unwrap();
        install(&places).unwrap();
        assert!(image.join("data/bin/clientbook-agent").exists());
        assert!(image.join("data/units/system/clientbook-agent.service").exists());
        remove(&places, &planned(&places).unwrap()).unwrap();
        assert!(!image.join("data/bin/clientbook-agent").exists());
        // A directory that is there outside only.
        fs::create_dir(&outside).unwrap();
        fs::remove_file(image.join("usr/local")).unwrap();
        symlink(&outside, image.join("usr/local")).unwrap();
        assert!(install(&places).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
