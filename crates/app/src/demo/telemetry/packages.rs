//! What is installed on the demo's devices: name, version, publisher, source.

pub(super) type Package = [&'static str; 4];

const UBUNTU: &[Package] = &[
    ["bash", "5.2.21-2ubuntu4", "Ubuntu Developers", "dpkg"],
    ["coreutils", "9.4-3ubuntu6", "Ubuntu Developers", "dpkg"],
    ["curl", "8.5.0-2ubuntu10.6", "Ubuntu Developers", "dpkg"],
    ["git", "1:2.43.0-1ubuntu7.2", "Ubuntu Developers", "dpkg"],
    ["openssh-client", "1:9.6p1-3ubuntu13.8", "Ubuntu Developers", "dpkg"],
    ["openssl", "3.0.13-0ubuntu3.5", "Ubuntu Developers", "dpkg"],
    ["python3", "3.12.3-0ubuntu2", "Ubuntu Developers", "dpkg"],
    ["systemd", "255.4-1ubuntu8.6", "Ubuntu Developers", "dpkg"],
];

const DEBIAN: &[Package] = &[
    ["bash", "5.2.15-2+b7", "Matthias Klose", "dpkg"],
    ["coreutils", "9.1-1", "Michael Stone", "dpkg"],
    ["curl", "7.88.1-10+deb12u8", "Alessandro Ghedini", "dpkg"],
    ["firefox-esr", "128.8.0esr-1~deb12u1", "Maintainers of Mozilla-related packages", "dpkg"],
    ["libreoffice-calc", "4:7.4.7-1+deb12u6", "Debian LibreOffice Maintainers", "dpkg"],
    ["libreoffice-writer", "4:7.4.7-1+deb12u6", "Debian LibreOffice Maintainers", "dpkg"],
    ["openssh-client", "1:9.2p1-2+deb12u5", "Debian OpenSSH Maintainers", "dpkg"],
    ["openssl", "3.0.15-1~deb12u1", "Debian OpenSSL Team", "dpkg"],
    ["systemd", "252.33-1~deb12u1", "Debian systemd Maintainers", "dpkg"],
    ["thunderbird", "1:128.8.0esr-1~deb12u1", "Carsten Schoenert", "dpkg"],
];

const FEDORA: &[Package] = &[
    ["bash", "5.3.0-2.fc43", "Fedora Project", "rpm"],
    ["coreutils", "9.7-6.fc43", "Fedora Project", "rpm"],
    ["curl", "8.15.0-2.fc43", "Fedora Project", "rpm"],
    ["google-chrome-stable", "144.0.7559.96-1", "Google LLC", "rpm"],
    ["gnome-shell", "49.2-1.fc43", "Fedora Project", "rpm"],
    ["libreoffice-calc", "25.8.3.2-1.fc43", "Fedora Project", "rpm"],
    ["openssh-clients", "10.0p1-5.fc43", "Fedora Project", "rpm"],
    ["openssl", "3.5.4-1.fc43", "Fedora Project", "rpm"],
    ["systemd", "258.2-1.fc43", "Fedora Project", "rpm"],
    ["us.zoom.Zoom", "6.7.2", "Zoom", "flatpak"],
    ["com.slack.Slack", "4.47.65", "Slack Technologies", "flatpak"],
];

const DEVELOPMENT: &[Package] = &[
    ["code", "1.108.0-1767881962", "Microsoft Corporation", "dpkg"],
    ["docker-ce", "5:29.1.3-1~ubuntu.24.04~noble", "Docker", "dpkg"],
    ["firefox", "147.0.1-1", "Canonical", "snap"],
    ["gdb", "15.0.50.20240403-0ubuntu1", "Ubuntu Developers", "dpkg"],
    ["nodejs", "18.19.1+dfsg-6ubuntu5", "Ubuntu Developers", "dpkg"],
    ["rustup", "1.26.0-4", "Ubuntu Developers", "dpkg"],
    ["slack", "4.47.65", "Slack Technologies", "snap"],
];

const EMACS: &[Package] = &[
    ["emacs", "1:28.2+1-15+deb12u4", "Rob Browning", "dpkg"],
    ["git", "1:2.39.5-0+deb12u2", "Jonathan Nieder", "dpkg"],
    ["konsole", "4:22.12.3-1", "Debian Qt/KDE Maintainers", "dpkg"],
    ["python3", "3.11.2-1+b1", "Matthias Klose", "dpkg"],
];

const RECEPTION: &[Package] = &[
    ["cups", "2.4.2-3+deb12u8", "Debian Printing Team", "dpkg"],
    ["evince", "43.1-2+b1", "Debian GNOME Maintainers", "dpkg"],
    ["simple-scan", "42.5-2", "Jeremy Bicha", "dpkg"],
];

const BUILDS: &[Package] = &[
    ["docker-ce", "5:29.1.3-1~ubuntu.24.04~noble", "Docker", "dpkg"],
    ["firefox", "147.0.1-1", "Canonical", "snap"],
    ["gcc", "4:13.2.0-7ubuntu1", "Ubuntu Developers", "dpkg"],
    ["openjdk-21-jdk-headless", "21.0.9+10-1~24.04", "Ubuntu Developers", "dpkg"],
    ["openssh-server", "1:9.6p1-3ubuntu13.8", "Ubuntu Developers", "dpkg"],
];

/// Of each device, in their order.
pub(super) const PACKAGES: [&[&[Package]]; 5] =
    [&[UBUNTU, DEVELOPMENT], &[DEBIAN, EMACS], &[FEDORA], &[DEBIAN, RECEPTION], &[UBUNTU, BUILDS]];
