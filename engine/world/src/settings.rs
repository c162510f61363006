//! What the real world is made from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use runbook_model::host::{Connection, HostName, MemberSpec};
use secrecy::SecretString;

use crate::etcd::AccessFiles;
use crate::transport::Heard;

/// What is called whenever something about a connection is worth telling.
type Hears = Arc<dyn Fn(&HostName, &Heard) + Send + Sync>;

/// Hears how hosts are reached.
#[derive(Clone)]
pub struct Listener(Hears);

impl Listener {
    /// Calls `hears` on the thread that connects: it must not wait.
    pub fn new(hears: impl Fn(&HostName, &Heard) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hears))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// Settings of a [`crate::RealWorld`]; read once in `main`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to reach each host.
    pub connections: BTreeMap<HostName, Connection>,
    /// The members that hosts carry: for actions that name a member by its host.
    pub members: BTreeMap<HostName, MemberSpec>,
    /// Certificates that take the place of the cluster's own when members are called.
    pub access: AccessFiles,
    /// Passwords for sudo on hosts that have one of their own.
    pub become_passwords: BTreeMap<HostName, SecretString>,
    /// Password for sudo on every other host, if one is needed.
    pub become_password: Option<SecretString>,
    /// Directory on the control host for control sockets; made with mode 0700. Keep it short: socket paths end at 108 bytes.
    pub control_state_dir: PathBuf,
    /// ssh's `Ciphers` where no argument of the connection chooses one; none: ssh's own choice. See [`crate::preferred_cipher`].
    pub ciphers: Option<&'static str>,
    /// File on the control host that remembers what hosts' etcd tools are and can do, so that the next command need not run them; a tool
    /// whose file has changed is run again. None: nothing is remembered.
    pub tools_file: Option<PathBuf>,
    /// Most hosts connected to at the same moment.
    pub forks: usize,
    /// Seconds for a connection, where a host has no setting of its own.
    pub connect_timeout_s: u32,
    /// Seconds for a probe's whole answer.
    pub probe_timeout_s: u64,
    /// Seconds for which an order's lost connection is tried again before its outcome counts as unknown.
    pub reconnect_s: u64,
    /// Directory on the hosts for locks and receipts; none: `/var/lib/runbook` for root, `$XDG_STATE_HOME/runbook` or
    /// `~/.local/state/runbook` for others.
    pub host_state_root: Option<String>,
    /// Seconds of silence after which a host is asked whether it is still there; the third silence in a row ends the connection.
    pub alive_interval_s: u32,
    /// Seconds for which an idle connection stays open for the next command.
    pub keep_alive_s: u32,
    /// Hears how hosts are reached; none: nobody does.
    pub listener: Option<Listener>,
}

impl Settings {
    /// The password for sudo on a host.
    pub(crate) fn sudo_password(&self, host: &HostName) -> Option<&SecretString> {
        self.become_passwords
            .get(host)
            .or(self.become_password.as_ref())
    }

    pub(crate) fn hear(&self, host: &HostName, heard: impl FnOnce() -> Heard) {
        if let Some(Listener(hears)) = &self.listener {
            hears(host, &heard());
        }
    }

    /// Settings with the usual limits.
    pub fn new(connections: BTreeMap<HostName, Connection>, control_state_dir: PathBuf) -> Self {
        Self {
            connections,
            members: BTreeMap::new(),
            access: AccessFiles::default(),
            become_passwords: BTreeMap::new(),
            become_password: None,
            control_state_dir,
            ciphers: None,
            tools_file: None,
            forks: 50,
            connect_timeout_s: 10,
            probe_timeout_s: 30,
            reconnect_s: 30,
            host_state_root: None,
            alive_interval_s: 5,
            keep_alive_s: 60,
            listener: None,
        }
    }
}
