//! What hosts and members answer when they are asked.

use runbook_model::cluster::{Alarm, HashKv, MemberProbe, MemberQuery, MemberStatus, SilentCause};
use runbook_model::facts::{
    BlockDevice, Connect, DataDirFacts, DirFacts, DiskFacts, Endpoint, EtcdProcess, EtcdServers,
    EtcdServersUntold, FileFacts, FileKind, FsyncFacts, HostFacts, LinkFacts, Listener,
    ProbeRequest, ServiceFacts,
};
use runbook_model::host::{HostName, MemberSpec};

use crate::cluster::MemberData;
use crate::model::{DataDir, File, Host, Model, RunningEtcd, Service};

impl Model {
    /// A host's facts.
    pub(crate) fn facts(&self, name: &HostName, request: &ProbeRequest) -> Option<HostFacts> {
        let host = self.hosts.get(name)?;
        let mut facts = HostFacts {
            machine_id: format!("machine-{name}"),
            boot_id: format!("boot-{}", host.boot),
            hostname: name.to_string(),
            os: "debian 12".to_owned(),
            arch: "x86_64".to_owned(),
            cores: 4,
            memory_bytes: 8 << 30,
            clock_offset_ms: host.clock_offset_ms,
            user: "root".to_owned(),
            has_systemd: true,
            tools: host.tools.clone(),
            ..HostFacts::default()
        };
        for query in &request.files {
            facts
                .files
                .insert(query.path.clone(), host.file_facts(&query.path));
        }
        for path in &request.dirs {
            facts.dirs.insert(path.clone(), host.dir_facts(path));
        }
        for path in &request.disks {
            let disk = DiskFacts {
                available: host.disk_free,
                total: 64 << 30,
                mount: "/".to_owned(),
            };
            facts.disks.insert(path.clone(), disk);
        }
        for port in &request.ports {
            facts.ports.insert(*port, host.listener(*port));
        }
        for query in &request.services {
            let service = host.service_facts(&query.unit);
            facts.services.insert(query.unit.clone(), service);
        }
        for path in &request.data_dirs {
            facts.data_dirs.insert(path.clone(), host.data_facts(path));
        }
        for user in &request.users {
            let there = host.users.contains(user);
            facts.users.insert(user.clone(), there);
        }
        for package in &request.packages {
            let version = host.packages.get(package).cloned();
            facts.packages.insert(package.clone(), version);
        }
        host.hardware(request, &mut facts);
        for end in &request.endpoints {
            let seen = self.connect(name, end);
            facts.endpoints.insert(end.to_string(), seen);
        }
        facts.api_server = request.api_server.as_ref().map(|manifest| EtcdServers {
            source: manifest.clone(),
            endpoints: host.etcd_servers.clone().ok_or(EtcdServersUntold::Absent),
        });
        facts.etcd_processes = host.processes();
        facts.lock = request
            .cluster
            .as_ref()
            .and_then(|cluster| host.locks.get(cluster).cloned());
        Some(facts)
    }

    /// What comes of connecting from one host to an endpoint.
    fn connect(&self, from: &HostName, end: &Endpoint) -> Connect {
        let silent = Connect::Silent { limit_s: 2 };
        let own = self.hosts.get(from);
        let other = self.hosts.iter().find(|(_, h)| h.address == end.address);
        let (Some(own), Some((to, other))) = (own, other) else {
            return silent;
        };
        let cut = own.isolated || other.isolated || !other.powered;
        if to != from && (cut || own.dropped_by.contains(to)) {
            silent
        } else if other.listener(end.port).is_some() {
            Connect::Accepted
        } else {
            Connect::Refused
        }
    }

    /// A member's own answer.
    pub(crate) fn probe_member(&self, spec: &MemberSpec, query: MemberQuery) -> MemberProbe {
        self.probe_host(&spec.host, Some(spec.client_port), query)
    }

    /// The answer of the member on a host; at a port, or wherever it listens.
    pub(crate) fn probe_host(
        &self,
        name: &HostName,
        port: Option<u16>,
        query: MemberQuery,
    ) -> MemberProbe {
        let silent = |cause, detail: &str| MemberProbe::Silent {
            cause,
            detail: detail.to_owned(),
        };
        let Some(host) = self.hosts.get(name).filter(|h| h.reachable) else {
            return silent(SilentCause::HostUnreachable, "the host does not answer");
        };
        let listens = port.is_none_or(|port| host.listener(port).is_some());
        let Some(member) = self.running_member(name).filter(|_| listens) else {
            return silent(SilentCause::Refused, "connection refused");
        };
        if self.is_paused(name) || !self.is_ready(name) {
            return silent(
                SilentCause::Timeout,
                "it took the question and stays silent",
            );
        }
        MemberProbe::Serving(Box::new(self.status(name, member, query)))
    }

    fn status(&self, name: &HostName, member: &MemberData, query: MemberQuery) -> MemberStatus {
        let leader = self
            .leader_of(name)
            .and_then(|l| self.running_member(l))
            .map_or(0, |l| l.member_id);
        let progress = self.progress(member);
        let learner = member.is_learner();
        let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let alarms = member.alarms.iter().map(|id| Alarm {
            member_id: *id,
            kind: "NOSPACE".to_owned(),
        });
        let etcd = self.running_etcd(name);
        let latency_ms = self.hosts.get(name).map_or(0, |h| h.latency_ms);
        MemberStatus {
            cluster_id: member.cluster_id,
            member_id: member.member_id,
            version: etcd.map(|e| e.version.clone()).unwrap_or_default(),
            leader,
            raft_term: progress.term,
            raft_index: progress.index,
            raft_applied_index: progress.index,
            db_size: bytes(member.size()),
            db_size_in_use: bytes(member.in_use()),
            is_learner: learner,
            revision: member.store.revision,
            errors: if leader == 0 {
                vec!["etcdserver: no leader".to_owned()]
            } else {
                Vec::new()
            },
            // As it knows them itself: with a leader or without.
            members: (!learner).then(|| member.members.clone()),
            alarms: alarms.collect(),
            hash: query
                .hash_at
                .filter(|_| !learner)
                .and_then(|at| self.hash(name, member, at)),
            certificate_not_after: None,
            // Nobody makes certificates here: every member serves the one that it should.
            certificate_serial: Some(String::new()),
            certificate_issued: Some(String::new()),
            latency_us: latency_ms * 2_000,
        }
    }

    fn hash(&self, name: &HostName, member: &MemberData, at: i64) -> Option<HashKv> {
        let store = &member.store;
        let version = self.version_of(name);
        // At the compacted revision itself there is none up to 3.5.5; and from then on that of before the compaction is remembered.
        let since = i64::from(version < vec![3, 5, 6]);
        let remembered = self.compactions.get(name).filter(|(run, revision, _)| {
            version >= vec![3, 5, 5] && *revision == at && self.run_of(name) == Some(*run)
        });
        Some(HashKv {
            hash: match remembered {
                Some((_, _, hash)) => *hash,
                None => store.hash_at(at, since)?,
            },
            revision: if at == 0 { store.revision } else { at },
            compact_revision: if store.compacted == 0 {
                -1
            } else {
                store.compacted
            },
        })
    }
}

impl Host {
    fn running(&self) -> impl Iterator<Item = (&Service, &RunningEtcd)> {
        self.services
            .values()
            .filter(|s| s.running)
            .filter_map(|s| Some((s, s.etcd.as_ref()?)))
    }

    /// Who listens on a port.
    pub(crate) fn listener(&self, port: u16) -> Option<Listener> {
        self.running()
            .find(|(_, e)| e.client_port == port || e.peer_port == port)
            .map(|(service, _)| Listener {
                command: "etcd".to_owned(),
                pid: 100 + service.starts,
            })
    }

    /// Disks, network and what was measured.
    fn hardware(&self, request: &ProbeRequest, facts: &mut HostFacts) {
        for path in &request.media {
            let flash = BlockDevice {
                name: "nvme0n1".to_owned(),
                rotational: Some(false),
            };
            facts.media.insert(path.clone(), vec![flash]);
        }
        for address in &request.links {
            let link = LinkFacts {
                interface: "eth0".to_owned(),
                mbit: Some(10_000),
            };
            facts.links.insert(address.clone(), link);
        }
        let measured = request.measured_by.as_ref();
        facts.fsync = measured
            .filter(|run| self.measured.contains(*run))
            .map(|_| FsyncFacts {
                dir: "/var/lib".to_owned(),
                count: 500,
                p99_us: self.fsync_us,
                max_us: 2 * self.fsync_us,
            });
    }

    fn processes(&self) -> Vec<EtcdProcess> {
        self.running()
            .map(|(service, etcd)| EtcdProcess {
                pid: 100 + service.starts,
                data_dir: Some(etcd.data_dir.clone()),
                settings: etcd.settings.clone(),
            })
            .collect()
    }

    fn file_facts(&self, path: &str) -> FileFacts {
        let Some(file) = self.files.get(path) else {
            return FileFacts::default();
        };
        let File {
            content,
            sha256,
            size,
            mode,
            owner,
            ..
        } = file.clone();
        FileFacts {
            kind: FileKind::File,
            mode,
            group: owner.clone(),
            owner,
            size,
            sha256: Some(sha256),
            content,
        }
    }

    fn dir_facts(&self, path: &str) -> DirFacts {
        let data = self.data.get(path).map(|d| d.owner.clone());
        match data.or_else(|| self.dirs.get(path).cloned()) {
            None => DirFacts::default(),
            Some(owner) => DirFacts {
                exists: true,
                mode: 0o755,
                group: owner.clone(),
                owner,
                entries: Vec::new(),
            },
        }
    }

    fn service_facts(&self, unit: &str) -> ServiceFacts {
        let exists = self.files.contains_key(&unit_path(unit));
        match self.services.get(unit) {
            None => ServiceFacts {
                exists,
                active: "inactive".to_owned(),
                ..ServiceFacts::default()
            },
            Some(service) => ServiceFacts {
                exists: true,
                enabled: service.enabled,
                active: if service.running {
                    "active"
                } else {
                    "inactive"
                }
                .to_owned(),
                pid: if service.running {
                    100 + service.starts
                } else {
                    0
                },
                restarts: 0,
                sources: Vec::new(),
            },
        }
    }

    fn data_facts(&self, path: &str) -> DataDirFacts {
        let prefix = format!("{path}.");
        let mut aside: Vec<_> = self
            .data
            .keys()
            .filter(|p| p.starts_with(&prefix))
            .cloned()
            .collect();
        aside.reverse();
        let Some(DataDir {
            owner,
            member,
            origin,
        }) = self.data.get(path)
        else {
            return DataDirFacts {
                aside,
                ..DataDirFacts::default()
            };
        };
        DataDirFacts {
            exists: true,
            empty: member.is_none(),
            has_member: member.is_some(),
            bytes: member.as_ref().map_or(0, MemberData::size),
            owner: owner.clone(),
            origin: origin.clone(),
            aside,
            mount_point: false,
        }
    }
}

/// Where systemd's own unit file of an administrator stands.
pub(crate) fn unit_path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}.service")
}
