//! Clusters to begin with.

use std::collections::BTreeMap;

use runbook_model::action::ProcessSpec;
use runbook_model::host::{HostName, Install, MemberSpec, Scheme, ServiceManager};
use runbook_snapshot::ids;

use crate::actions::{add_tools, text_file};
use crate::cluster::MemberData;
use crate::data::{members_of, snapshot_file};
use crate::model::{DataDir, File, Host, Model, RunningEtcd, Service};
use crate::probe::unit_path;
use crate::service::{compared, parse_env};
use crate::store::Store;

/// Token of the clusters made here.
const TOKEN: &str = "first";

/// A plain member on host `etcdN`, plain text, systemd.
pub fn member_spec(number: usize) -> MemberSpec {
    let name = format!("etcd{number}");
    MemberSpec {
        host: HostName::new(name.clone()),
        name,
        cluster: "prod".to_owned(),
        address: format!("198.18.0.{number}"),
        scheme: Scheme::Http,
        peer_scheme: None,
        client_port: 2379,
        peer_port: 2380,
        data_dir: "/var/lib/etcd".to_owned(),
        pki_dir: "/etc/etcd/pki".to_owned(),
        config: "/etc/etcd/etcd.conf".to_owned(),
        unit: "etcd".to_owned(),
        manager: ServiceManager::Systemd,
        bin_dir: None,
        user: "etcd".to_owned(),
        install: Install::Present,
        quota_bytes: None,
        extra: Vec::new(),
        control_pki_dir: "pki".to_owned(),
    }
}

/// A member's environment file.
pub fn config_text(spec: &MemberSpec, initial_cluster: &str, token: &str, state: &str) -> String {
    let lines = [
        ("ETCD_NAME", spec.name.clone()),
        ("ETCD_DATA_DIR", spec.data_dir.clone()),
        ("ETCD_LISTEN_CLIENT_URLS", spec.client_url()),
        ("ETCD_LISTEN_PEER_URLS", spec.peer_url()),
        ("ETCD_INITIAL_ADVERTISE_PEER_URLS", spec.peer_url()),
        ("ETCD_INITIAL_CLUSTER", initial_cluster.to_owned()),
        ("ETCD_INITIAL_CLUSTER_TOKEN", token.to_owned()),
        ("ETCD_INITIAL_CLUSTER_STATE", state.to_owned()),
    ];
    let mut text: String = lines.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
    if spec.scheme == Scheme::Https {
        text += &tls_lines("ETCD_", "server", spec);
    }
    if spec.peer_scheme() == Scheme::Https {
        text += &tls_lines("ETCD_PEER_", "peer", spec);
    }
    text
}

fn tls_lines(prefix: &str, pair: &str, spec: &MemberSpec) -> String {
    let dir = &spec.pki_dir;
    format!(
        "{prefix}CLIENT_CERT_AUTH=true\n{prefix}TRUSTED_CA_FILE={dir}/ca.crt\n\
         {prefix}CERT_FILE={dir}/{pair}.crt\n{prefix}KEY_FILE={dir}/{pair}.key\n"
    )
}

/// A member's unit file.
pub fn unit_text(spec: &MemberSpec) -> String {
    format!(
        "[Service]\nUser={}\nEnvironmentFile={}\nExecStart={}/etcd\n",
        spec.user,
        spec.config,
        bin_dir(spec)
    )
}

fn process_of(spec: &MemberSpec) -> ProcessSpec {
    ProcessSpec {
        binary: format!("{}/etcd", bin_dir(spec)),
        config: spec.config.clone(),
        run_dir: spec.run_dir(),
    }
}

fn bin_dir(spec: &MemberSpec) -> &str {
    spec.bin_dir.as_deref().unwrap_or("/usr/bin")
}

/// A file stands in a directory, as does a data dir.
fn add_parents(host: &mut Host) {
    let paths = host.files.keys().chain(host.data.keys());
    let parents = paths.flat_map(|path| {
        path.rmatch_indices('/')
            .map(|(end, _)| path.split_at(end).0)
    });
    let parents = parents.filter(|dir| !dir.is_empty()).map(str::to_owned);
    let parents: Vec<String> = parents.collect();
    for dir in parents {
        host.dirs.entry(dir).or_insert_with(|| "root".to_owned());
    }
}

/// What a member over TLS reads when it starts.
fn add_certificates(host: &mut Host, spec: &MemberSpec) {
    let mut files = vec![("ca.crt", 0o644)];
    if spec.scheme == Scheme::Https {
        files.extend([("server.crt", 0o644), ("server.key", 0o600)]);
    }
    if spec.peer_scheme() == Scheme::Https {
        files.extend([("peer.crt", 0o644), ("peer.key", 0o600)]);
    }
    host.dirs.insert(spec.pki_dir.clone(), "root".to_owned());
    for (name, mode) in files {
        let file = text_file(&format!("{name} of {}", spec.name), mode, &spec.user);
        let file = File {
            content: None,
            ..file
        };
        host.files.insert(format!("{}/{name}", spec.pki_dir), file);
    }
}

impl Model {
    /// Bare hosts for these members: etcd's binaries and user are there, nothing else.
    pub fn bare(specs: &BTreeMap<HostName, MemberSpec>) -> Self {
        let mut model = Self::default();
        for (name, spec) in specs {
            let mut host = Host {
                address: spec.address.clone(),
                ..Host::default()
            };
            add_tools(&mut host, bin_dir(spec), "3.5.16");
            host.users.insert(spec.user.clone());
            model.hosts.insert(name.clone(), host);
        }
        model
    }

    /// A healthy running cluster of these members, holding `store`.
    pub fn formed(specs: &BTreeMap<HostName, MemberSpec>, store: &Store) -> Self {
        let mut model = Self::bare(specs);
        let initial: Vec<_> = specs
            .values()
            .map(|s| format!("{}={}", s.name, s.peer_url()))
            .collect();
        let initial = initial.join(",");
        let members = members_of(&initial, TOKEN).unwrap_or_default();
        let cluster_id = ids::cluster_id(TOKEN, &initial).unwrap_or_default();
        for (name, spec) in specs {
            let Some(host) = model.hosts.get_mut(name) else {
                continue;
            };
            let config = config_text(spec, &initial, TOKEN, "existing");
            host.files
                .insert(spec.config.clone(), text_file(&config, 0o644, "root"));
            let systemd = spec.manager == ServiceManager::Systemd;
            if systemd {
                let unit = text_file(&unit_text(spec), 0o644, "root");
                host.files.insert(unit_path(&spec.unit), unit);
            }
            if spec.scheme == Scheme::Https || spec.peer_scheme() == Scheme::Https {
                add_certificates(host, spec);
            }
            let id = members.iter().find(|m| m.name == spec.name).map(|m| m.id);
            let dir = DataDir {
                owner: spec.user.clone(),
                member: Some(MemberData {
                    cluster_id,
                    member_id: id.unwrap_or_default(),
                    members: members.clone(),
                    store: store.clone(),
                    ..MemberData::default()
                }),
                origin: None,
            };
            host.data.insert(spec.data_dir.clone(), dir);
            add_parents(host);
            let service = Service {
                running: true,
                // A plain process has nobody who would start it at boot.
                enabled: systemd,
                starts: 1,
                active: true,
                failed: false,
                process: (!systemd).then(|| process_of(spec)),
                etcd: Some(RunningEtcd {
                    data_dir: spec.data_dir.clone(),
                    client_port: spec.client_port,
                    peer_port: spec.peer_port,
                    version: "3.5.16".to_owned(),
                    name: spec.name.clone(),
                    client_url: spec.client_url(),
                    quota_bytes: spec.quota_bytes.unwrap_or_default(),
                    settings: compared(&parse_env(&config)),
                }),
            };
            host.services.insert(spec.unit.clone(), service);
        }
        model.elect();
        model
    }

    /// Puts a good snapshot file on the control host: its SHA-256.
    pub fn put_snapshot(&mut self, path: &str, store: Store) -> String {
        let file = snapshot_file(store);
        let sha256 = file.sha256.clone();
        self.control.insert(path.to_owned(), file);
        sha256
    }
}
