use super::*;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

/// A system with some applications.
fn system() -> (TempDir, Applications) {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let desktop = |directory: &str, id: &str, rest: &str| {
        let text = format!("[Desktop Entry]\nType=Application\n{rest}\n");
        write(&format!("{directory}/{id}.desktop"), &text);
    };
    let shared = "usr/share/applications";
    for program in [
        "usr/bin/gedit",
        "opt/google/chrome/google-chrome",
        "usr/bin/meld",
        "usr/lib/libreoffice/program/soffice",
        "usr/bin/vim.basic",
    ] {
        write(program, "");
    }
    symlink("../../opt/google/chrome/google-chrome", dir.path().join("usr/bin/google-chrome"))
        .unwrap();
    symlink("../lib/libreoffice/program/soffice", dir.path().join("usr/bin/libreoffice")).unwrap();
    symlink("vim.basic", dir.path().join("usr/bin/vim")).unwrap();
    desktop(shared, "org.gnome.gedit", "Name=Text Editor\nExec=gedit %U");
    desktop(shared, "google-chrome", "Name=Google Chrome\nExec=/usr/bin/google-chrome %U");
    desktop(shared, "meld", "Name=Meld\nExec=meld %F");
    desktop(shared, "writer", "Name=LibreOffice Writer\nExec=libreoffice --writer %U");
    desktop(shared, "calc", "Name=LibreOffice Calc\nExec=libreoffice --calc %U");
    desktop(shared, "start", "Name=LibreOffice\nExec=libreoffice %U");
    desktop(shared, "vim", "Name=Vim\nExec=vim %F\nTerminal=true");
    desktop(shared, "helper", "Name=Helper\nExec=gedit-helper\nNoDisplay=true");
    let flatpak = "Name=Signal\nExec=/usr/bin/flatpak run org.signal.Signal\n\
                   X-Flatpak=org.signal.Signal";
    desktop("var/lib/flatpak/exports/share/applications", "org.signal.Signal", flatpak);
    let snap = "Name=Code\nExec=/snap/bin/code %F\nX-SnapInstanceName=code";
    desktop("var/lib/snapd/desktop/applications", "code_code", snap);
    desktop("home/anna/.local/share/applications", "own", "Name=Own Tool\nExec=/home/anna/bin/own");
    let mut applications = Applications::default();
    let places = Places::new(dir.path(), dir.path()).unwrap();
    applications.refresh(&places, &[dir.path().join("home/anna")]);
    (dir, applications)
}

fn process(executable: &str, arguments: &[&str]) -> Process {
    Process {
        uid: 1000,
        executable: Some(executable.into()),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        group: "0::/user.slice/user-1000.slice/session-2.scope".into(),
    }
}

#[test]
fn programs_are_found_by_path_link_and_directory() {
    let (_dir, applications) = system();
    let name = |executable: &str, arguments: &[&str]| {
        applications.name(&process(executable, arguments)).map(str::to_owned)
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(name("/usr/bin/gedit", &["gedit"]), some("Text Editor"));
    assert_eq!(
        name("/opt/google/chrome/chrome", &["/opt/google/chrome/chrome"]),
        some("Google Chrome")
    );
    assert_eq!(name("/usr/bin/vim.basic", &["vim", "/etc/passwd"]), some("Vim"));
    assert_eq!(name("/home/anna/bin/own", &["own"]), some("Own Tool"));
    assert_eq!(name("/usr/bin/cat", &["cat"]), None);
    assert_eq!(name("/usr/bin/gedit-helper", &["gedit-helper"]), None);
}

#[test]
fn a_script_counts_and_not_its_interpreter() {
    let (_dir, applications) = system();
    let python = "/usr/bin/python3.13";
    let meld = process(python, &["python3", "-I", "/usr/bin/meld", "a"]);
    assert_eq!(applications.name(&meld), Some("Meld"));
    assert_eq!(applications.name(&process(python, &["python3", "meld"])), None);
    assert_eq!(applications.name(&process("/usr/bin/bash", &["-bash"])), None);
}

#[test]
fn one_program_with_several_applications_is_told_by_its_arguments() {
    let (_dir, applications) = system();
    let office = |arguments: &[&str]| {
        let soffice = "/usr/lib/libreoffice/program/soffice.bin";
        applications.name(&process(soffice, arguments)).unwrap().to_owned()
    };
    assert_eq!(office(&["soffice.bin", "--calc", "a.ods"]), "LibreOffice Calc");
    assert_eq!(office(&["soffice.bin", "--writer"]), "LibreOffice Writer");
    assert_eq!(office(&["soffice.bin", "--headless"]), "LibreOffice");
}

#[test]
fn control_groups_name_applications() {
    let (_dir, applications) = system();
    let name = |unit: &str| {
        let group = format!("0::/user.slice/app.slice/{unit}");
        let process = Process { group, ..process("/app/bin/x", &["x"]) };
        applications.name(&process).map(str::to_owned)
    };
    assert_eq!(name("app-flatpak-org.signal.Signal-7.scope").as_deref(), Some("Signal"));
    assert_eq!(
        name("snap.code.code-0c1e2d3f-1111-2222-3333-444455556666.scope").as_deref(),
        Some("Code")
    );
    assert_eq!(name("app-gnome-org.gnome.gedit-7.scope").as_deref(), Some("Text Editor"));
    assert_eq!(name("app-flatpak-org.unknown.App-7.scope"), None);
    assert_eq!(name("snap.unknown.app.service"), None);
}

#[test]
fn a_new_desktop_file_is_noticed() {
    let (dir, mut applications) = system();
    let new = process("/usr/bin/new", &["new"]);
    assert_eq!(applications.name(&new), None);
    let path = dir.path().join("usr/share/applications/new.desktop");
    fs::write(path, "[Desktop Entry]\nType=Application\nName=New\nExec=new\n").unwrap();
    let places = Places::new(dir.path(), dir.path()).unwrap();
    applications.refresh(&places, &[]);
    assert_eq!(applications.name(&new), Some("New"));
    // Another's home is not looked at.
    assert_eq!(applications.name(&process("/home/anna/bin/own", &["own"])), None);
}
