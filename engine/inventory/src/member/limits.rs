//! What names, paths and lines of a member may be.

use std::path::Path;

/// Lines of the environment file that runbook itself writes: `etcd_extra` may not.
const OURS: [&str; 8] = [
    "ETCD_NAME",
    "ETCD_DATA_DIR",
    "ETCD_WAL_DIR",
    "ETCD_LISTEN_PEER_URLS",
    "ETCD_LISTEN_CLIENT_URLS",
    "ETCD_ADVERTISE_CLIENT_URLS",
    "ETCD_QUOTA_BACKEND_BYTES",
    "ETCD_FORCE_NEW_CLUSTER",
];
const OUR_FAMILIES: [&str; 2] = ["ETCD_INITIAL_", "ETCD_DISCOVERY"];

/// Names of members and clusters stand in flags, file names and certificates.
pub(super) fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

pub(super) fn in_address(c: char) -> bool {
    in_name(c) || c == ':'
}

pub(super) fn in_unit(c: char) -> bool {
    in_name(c) || matches!(c, '@' | ':')
}

pub(super) fn in_version(c: char) -> bool {
    in_name(c) || matches!(c, '+' | ':' | '~')
}

/// Paths stand in unit and environment files, where `$`, `%`, quotes and blanks mean something.
pub(super) fn in_path(c: char) -> bool {
    in_name(c) || matches!(c, '/' | '+' | '@' | ':' | '=' | ',')
}

/// What a path on a host is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A directory that is made, moved aside and replaced as a whole.
    Data,
    /// A directory of files of ours.
    Files,
    /// One file.
    File,
    /// A directory that is only read.
    Read,
}

pub(super) fn unfit_extra(name: &str, value: Option<&str>) -> Option<&'static str> {
    let fit = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with("ETCD_") || !name.chars().all(fit) {
        Some("its name is not `ETCD_` and capitals")
    } else if OURS.contains(&name) || OUR_FAMILIES.iter().any(|f| name.starts_with(f)) {
        Some("runbook writes that line itself")
    } else if value.is_some_and(|v| v.chars().any(char::is_control)) {
        Some("its value has a line end or another control character")
    } else if value.is_some_and(crate::typed::is_template) {
        Some("its value is a template, and values are never evaluated")
    } else {
        None
    }
}

pub(super) fn unfit_path(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.split('/').collect();
    // Beside the inventory may be above it (`../data`); a way down and up again is somebody's trick or slip.
    let first_down = parts.iter().position(|p| *p != "..").unwrap_or(parts.len());
    if text.len() > 1024 {
        Some("it is longer than 1024 bytes")
    } else if text.starts_with(['-', '~']) {
        Some("it begins with `-` or `~`")
    } else if !text.chars().all(in_path) {
        Some("it has a character other than letters, digits and `/ . - _ + @ : = ,`")
    } else if parts[first_down..].contains(&"..") {
        Some("it has `..` in it")
    } else {
        None
    }
}

/// Directories that are the system's or a person's own, never a member's.
pub(super) fn forbidden(path: &Path, purpose: Use) -> Option<&'static str> {
    const SYSTEM: [&str; 10] = [
        "bin", "boot", "dev", "lib", "lib64", "proc", "run", "sbin", "sys", "usr",
    ];
    const SHARED: [&str; 16] = [
        "/etc/default",
        "/etc/pki",
        "/etc/ssh",
        "/etc/ssl",
        "/etc/systemd",
        "/etc/systemd/system",
        "/etc/kubernetes",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/run",
        "/var/spool",
        "/var/tmp",
        "/opt/bin",
        "/var/lib/systemd",
        "/etc/kubernetes/pki",
    ];
    let text = path.to_string_lossy();
    let parts: Vec<&str> = text.split('/').filter(|p| !p.is_empty()).collect();
    if purpose == Use::Read {
        return None;
    }
    match parts.as_slice() {
        [] => Some("it is the root of the file system"),
        [_] => Some(
            "it stands at the top of the file system, where the system's own and mount points are",
        ),
        [first, ..] if SYSTEM.contains(first) => Some("it belongs to the system"),
        ["etc", ..] if purpose == Use::Data => Some("it belongs to the system's configuration"),
        ["home", _] => Some("it is somebody's home"),
        _ if purpose != Use::File && SHARED.contains(&text.as_ref()) => {
            Some("others have their files there")
        }
        _ => None,
    }
}
