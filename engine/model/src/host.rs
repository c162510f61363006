//! Hosts as the inventory declares them: how to reach one, and the etcd member that is to live there.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A host's name in the inventory. Also the etcd member's name unless `etcd_name` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct HostName(String);

impl HostName {
    /// Wraps a name as the inventory gave it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the control host reaches a host (`ansible_connection`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The user's own `ssh`, one multiplexed connection.
    #[default]
    Ssh,
    /// A shell on the control host itself.
    Local,
}

/// Connection settings of one host, Ansible's `ansible_*` variables once read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `ansible_connection`.
    pub transport: Transport,
    /// `ansible_host`, or the inventory name.
    pub address: String,
    /// `ansible_port`; none leaves it to ssh_config.
    pub port: Option<u16>,
    /// `ansible_user`; none leaves it to ssh_config.
    pub user: Option<String>,
    /// `ansible_ssh_private_key_file`.
    pub private_key_file: Option<String>,
    /// `ansible_ssh_common_args` then `ansible_ssh_extra_args`, split into words as a shell would, never expanded.
    pub ssh_args: Vec<String>,
    /// Seconds to wait for the connection (`ansible_ssh_timeout`, `-T`).
    pub connect_timeout_s: Option<u32>,
    /// How to gain rights; none when `ansible_become` is false.
    pub r#become: Option<Become>,
}

/// Privilege escalation by sudo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Become {
    /// `ansible_become_user`, `root` by default.
    pub user: String,
    /// `ansible_become_flags`, split into words; none by default.
    pub flags: Vec<String>,
}

/// Who starts and stops etcd on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ServiceManager {
    /// systemd, by unit name.
    #[default]
    Systemd,
    /// A plain background process with a pid file: for local demonstrations only.
    Process,
}

/// Where a member's binaries come from (`etcd_install`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase", tag = "from")]
pub enum Install {
    /// They are on the host already.
    #[default]
    Present,
    /// The distribution's packages `etcd-server` and `etcd-client`, optionally of one version.
    Package {
        /// `etcd_version`, as the package manager spells it.
        version: Option<String>,
    },
    /// A release archive on the control host.
    Archive {
        /// `etcd_archive`: path of a `.tar.gz` on the control host.
        path: String,
        /// `etcd_archive_sha256`: lower-case hex.
        sha256: String,
    },
}

/// The scheme of a member's client URLs (`etcd_scheme`) or peer URLs (`etcd_peer_scheme`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Mutual TLS.
    #[default]
    Https,
    /// Plain text: for local demonstrations only.
    Http,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Https => "https",
            Scheme::Http => "http",
        })
    }
}

/// The etcd member that a host is to carry, from the inventory's `etcd_*` variables and their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberSpec {
    /// The host.
    pub host: HostName,
    /// `etcd_name`, or the host's name.
    pub name: String,
    /// `etcd_cluster`, or the group's name.
    pub cluster: String,
    /// `etcd_address`, or the connection's address: host part of the advertised URLs (no brackets, no port).
    pub address: String,
    /// `etcd_scheme`: of the client URLs.
    pub scheme: Scheme,
    /// `etcd_peer_scheme`; none: that of the client URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_scheme: Option<Scheme>,
    /// `etcd_client_port`, 2379.
    pub client_port: u16,
    /// `etcd_peer_port`, 2380.
    pub peer_port: u16,
    /// `etcd_data_dir`, `/var/lib/etcd`.
    pub data_dir: String,
    /// `etcd_pki_dir`, `/etc/etcd/pki`: where certificates stand on the host.
    pub pki_dir: String,
    /// `etcd_config`, `/etc/etcd/etcd.conf`: the environment file.
    pub config: String,
    /// `etcd_unit`, `etcd`: systemd's unit name without `.service`.
    pub unit: String,
    /// `etcd_service_manager`.
    pub manager: ServiceManager,
    /// `etcd_bin_dir`; none: found on PATH.
    pub bin_dir: Option<String>,
    /// `etcd_user`, `etcd`: owner of the data dir. With the plain process manager, the user of the connection.
    pub user: String,
    /// `etcd_install` and what belongs to it.
    pub install: Install,
    /// `etcd_quota_bytes`.
    pub quota_bytes: Option<u64>,
    /// `etcd_extra`: further `ETCD_*` lines of the environment file, in order.
    pub extra: Vec<(String, String)>,
    /// `pki_dir`: directory on the control host with the CA and issued certificates.
    pub control_pki_dir: String,
}

impl MemberSpec {
    /// `https://address:2379`, an IPv6 address in brackets.
    pub fn client_url(&self) -> String {
        self.url(self.scheme, self.client_port)
    }

    /// `https://address:2380`, an IPv6 address in brackets.
    pub fn peer_url(&self) -> String {
        self.url(self.peer_scheme(), self.peer_port)
    }

    /// The scheme of the peer URLs.
    pub fn peer_scheme(&self) -> Scheme {
        self.peer_scheme.unwrap_or(self.scheme)
    }

    /// Directory of pid file and log under the plain process manager: where the config stands.
    pub fn run_dir(&self) -> String {
        match self.config.rsplit_once('/') {
            Some(("", _)) | None => "/".to_owned(),
            Some((dir, _)) => dir.to_owned(),
        }
    }

    fn url(&self, scheme: Scheme, port: u16) -> String {
        if self.address.contains(':') {
            format!("{scheme}://[{}]:{port}", self.address)
        } else {
            format!("{scheme}://{}:{port}", self.address)
        }
    }
}

/// Whether any of these members is reached by its peers over TLS: then each of them needs a peer certificate to reach it.
pub fn peers_over_tls<'a>(members: impl IntoIterator<Item = &'a MemberSpec>) -> bool {
    members
        .into_iter()
        .any(|m| m.peer_scheme() == Scheme::Https)
}
