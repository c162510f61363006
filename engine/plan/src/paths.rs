//! Which paths on hosts a run may touch at all, and which it may move or replace.

use crate::error::{Fault, Outcome, shown};

/// Directories that belong to the system: never moved aside, restored over or removed.
const SYSTEM: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/etcd",
    "/etc/ssh",
    "/etc/systemd",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// An absolute path of plain components, no longer than a kernel takes.
pub(crate) fn absolute(path: &str) -> Outcome<()> {
    let refuse = |why| {
        Err(Fault::UnsafePath {
            path: shown(path),
            why,
        }
        .into())
    };
    if !path.starts_with('/') {
        return refuse("is not absolute");
    }
    if path.len() > 4000 {
        return refuse("is too long");
    }
    if path.chars().any(char::is_control) {
        return refuse("has control characters");
    }
    if path.len() > 1 && path.ends_with('/') {
        return refuse("ends with `/`");
    }
    if path
        .split('/')
        .skip(1)
        .any(|part| part == ".." || part == ".")
    {
        return refuse("has `.` or `..` in it");
    }
    if path.len() > 1 && path.split('/').skip(1).any(str::is_empty) {
        return refuse("has `//` in it");
    }
    Ok(())
}

/// An absolute path that a run may rename, replace or remove: no system directory, no home, not just below the root.
pub(crate) fn replaceable(path: &str) -> Outcome<()> {
    absolute(path)?;
    let refuse = |why| {
        Err(Fault::UnsafePath {
            path: shown(path),
            why,
        }
        .into())
    };
    if SYSTEM.contains(&path) {
        return refuse("belongs to the system: it cannot be a data dir");
    }
    let depth = path.split('/').skip(1).count();
    if depth < 2 {
        return refuse("stands right below `/`: it cannot be a data dir");
    }
    if depth == 2 && path.starts_with("/home/") {
        return refuse("is a home directory: it cannot be a data dir");
    }
    if ["/proc/", "/sys/", "/dev/"]
        .iter()
        .any(|p| path.starts_with(p))
    {
        return refuse("is the kernel's: it cannot be a data dir");
    }
    Ok(())
}

/// The directory that holds `path`.
pub(crate) fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_a_run_must_not_replace() {
        for path in [
            "/",
            "/etc",
            "/var/lib",
            "/home/ann",
            "/data",
            "var/lib/etcd",
            "/var/lib/../etcd",
            "/var/lib/etcd/",
            "/var//lib/etcd",
            "/var/lib/etcd\n",
            "/proc/1",
            "",
            "/var/./lib",
        ] {
            assert!(replaceable(path).is_err(), "{path:?}");
        }
        for path in [
            "/var/lib/etcd",
            "/home/ann/etcd",
            "/data/etcd-1",
            "/srv/a b",
        ] {
            assert!(replaceable(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn finds_parents() {
        assert_eq!(parent("/etc/etcd/etcd.conf"), "/etc/etcd");
        assert_eq!(parent("/etc"), "/");
    }
}
