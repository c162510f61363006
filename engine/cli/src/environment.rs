//! The process's environment, read once.

use std::io::IsTerminal;
use std::path::PathBuf;

use runbook_report::style::Style;
use runbook_world::etcd::AccessFiles;

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Environment {
    /// RUNBOOK_PATH's directories.
    pub runbook_path: Vec<PathBuf>,
    /// Where runs are kept: `$XDG_STATE_HOME/runbook`, or `~/.local/state/runbook`.
    pub state_dir: PathBuf,
    /// HOME.
    pub home: PathBuf,
    /// XDG_RUNTIME_DIR, or a directory of this user's under /tmp.
    pub runtime_dir: PathBuf,
    /// `user@host` of the operator, for locks and journals.
    pub operator: String,
    /// Style of standard output.
    pub stdout: Style,
    /// Style of standard error.
    pub stderr: Style,
    /// Standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Standard input is a terminal: questions can be asked.
    pub can_ask: bool,
    /// Credentials for etcd that win over the ones in `pki_dir`: ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY.
    pub access: AccessFiles,
}

impl Environment {
    /// Reads the process's own.
    pub fn read() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = PathBuf::from(var("HOME").unwrap_or_else(|| "/".to_owned()));
        let state_dir = var("RUNBOOK_STATE_DIR")
            .map(PathBuf::from)
            .unwrap_or_else(|| {
                var("XDG_STATE_HOME")
                    .map_or_else(|| home.join(".local/state"), PathBuf::from)
                    .join("runbook")
            });
        let colour = |terminal: bool| {
            var("NO_COLOR").is_none()
                && (terminal || var("CLICOLOR_FORCE").is_some_and(|v| v != "0"))
        };
        let width = console::Term::stderr()
            .size_checked()
            .map_or(100, |(_, columns)| usize::from(columns));
        let (out, err) = (
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        );
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let user = user_name();
        Self {
            runbook_path: var("RUNBOOK_PATH")
                .map(|p| std::env::split_paths(&p).collect())
                .unwrap_or_default(),
            state_dir,
            home,
            runtime_dir: var("XDG_RUNTIME_DIR").map_or_else(
                || std::env::temp_dir().join(format!("runbook-{user}")),
                PathBuf::from,
            ),
            operator: format!("{user}@{}", host.trim()),
            stdout: Style {
                colour: colour(out),
                width,
            },
            stderr: Style {
                colour: colour(err),
                width,
            },
            stderr_is_terminal: err,
            can_ask: std::io::stdin().is_terminal() && err,
            access: AccessFiles {
                cacert: var("ETCDCTL_CACERT").map(PathBuf::from),
                cert: var("ETCDCTL_CERT").map(PathBuf::from),
                key: var("ETCDCTL_KEY").map(PathBuf::from),
                server_name: None,
            },
        }
    }

    /// Where control sockets are: short, since a socket's path ends at 108 bytes.
    pub fn control_dir(&self) -> PathBuf {
        self.runtime_dir.join("runbook")
    }
}

/// The login name behind this process's user id; the number where it has none. USER is not asked: it can be set to anything.
fn user_name() -> String {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self")
        .map_or(0, |meta| meta.uid())
        .to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    };
    passwd.lines().find_map(of_line).unwrap_or(uid)
}
