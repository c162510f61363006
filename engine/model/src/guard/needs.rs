//! What each guard must have observed before it can say anything.

use std::collections::BTreeMap;

use super::Guard;
use crate::cluster::MemberQuery;
use crate::facts::{Endpoint, ProbeRequest, ServiceQuery};
use crate::host::{HostName, MemberSpec, ServiceManager};
use crate::view::Needs;

/// Milliseconds before a member counts as silent, as etcdctl's own default.
pub const MEMBER_TIMEOUT_MS: u64 = 5_000;

/// Where kubeadm has the manifest of its API server.
const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/// Needs of one guard.
pub fn needs(guard: &Guard, specs: &BTreeMap<HostName, MemberSpec>) -> Needs {
    match guard {
        Guard::Reachable { hosts } | Guard::ClocksAgree { hosts } => hosts_only(hosts),
        Guard::SnapshotVerified { path, sha256 } => snapshot(path, sha256.clone()),
        Guard::DiskFree { hosts, path, .. } => disk(hosts, path.as_deref(), specs),
        Guard::SnapshotFits { members, path } => {
            let mut needs = of_hosts_with(members, specs, tools_probe);
            needs.merge(snapshot(path, None));
            needs
        }
        Guard::RestoredFrom { members, path } => {
            let mut needs = of_hosts(members, specs);
            needs.merge(of_members(members, specs, None));
            needs.merge(snapshot(path, None));
            needs
        }
        Guard::AllStopped { members } | Guard::PortsFree { members } => {
            of_hosts_with(members, specs, running_probe)
        }
        Guard::FitsSize { members, .. } => of_hosts_with(members, specs, hardware_probe),
        Guard::FsyncWithin { members, run, .. } => {
            of_hosts_with(members, specs, |spec| ProbeRequest {
                measured_by: Some(run.clone()),
                cluster: Some(spec.cluster.clone()),
                ..ProbeRequest::default()
            })
        }
        Guard::RevisionBumps { members, .. } | Guard::ToolsPresent { members, .. } => {
            of_hosts_with(members, specs, tools_probe)
        }
        Guard::Upgradable { members, .. } => {
            let mut needs = of_hosts_with(members, specs, tools_probe);
            needs.merge(of_members(members, specs, None));
            needs
        }
        Guard::DataDirEmpty { members } => of_hosts(members, specs),
        Guard::PeersReachable { members } => of_hosts_with(members, specs, |spec| ProbeRequest {
            endpoints: peers(spec, members, specs).map(|(_, end)| end).collect(),
            cluster: Some(spec.cluster.clone()),
            ..ProbeRequest::default()
        }),
        Guard::EtcdServersMatch { apis, members } => api_servers(apis, members, specs),
        Guard::QuorumLost { members } => {
            let mut needs = of_hosts_with(members, specs, running_probe);
            needs.merge(of_members(members, specs, None));
            needs
        }
        Guard::ClusterFormed { members } | Guard::ClusterAbsent { members } => {
            let mut needs = of_hosts(members, specs);
            needs.merge(of_members(members, specs, None));
            needs
        }
        Guard::SameHash { members } => of_members(members, specs, Some(0)),
        Guard::QuorumSafe { members, .. }
        | Guard::ClusterHealthy { members }
        | Guard::NoAlarm { members }
        | Guard::AnyServing { members }
        | Guard::RevisionAtLeast { members, .. }
        | Guard::MembershipSettled { members, .. }
        | Guard::AllServing { members }
        | Guard::NoCorruption { members }
        | Guard::SameVersion { members }
        | Guard::VersionRuns { members, .. }
        | Guard::RemovalSafe { members, .. }
        | Guard::FurthestAhead { members, .. }
        | Guard::InventoryMatches { members }
        | Guard::CertificatesServed { members }
        | Guard::CertsValid { members, .. } => of_members(members, specs, None),
        // Whoever of the cluster answers tells it.
        Guard::AllUnlisted { .. } => of_members(&every(specs), specs, None),
        Guard::Writable { .. } | Guard::Chosen { .. } => Needs::default(),
    }
}

/// The other members, each with where it is to be reached from a member's host.
pub(super) fn peers<'a>(
    spec: &'a MemberSpec,
    members: &'a [HostName],
    specs: &'a BTreeMap<HostName, MemberSpec>,
) -> impl Iterator<Item = (&'a HostName, Endpoint)> {
    let others = members.iter().filter(|host| **host != spec.host);
    others.filter_map(|host| {
        let other = specs.get(host)?;
        let end = Endpoint {
            address: other.address.clone(),
            port: other.peer_port,
        };
        Some((host, end))
    })
}

/// Without API servers there is nothing to compare the members with.
fn api_servers(
    apis: &[HostName],
    members: &[HostName],
    specs: &BTreeMap<HostName, MemberSpec>,
) -> Needs {
    if apis.is_empty() {
        return Needs::default();
    }
    let mut needs = hosts_only(apis);
    for request in needs.hosts.values_mut() {
        request.api_server = Some(API_SERVER.to_owned());
    }
    needs.merge(of_members(members, specs, None));
    needs
}

/// Everything that can be asked of the host of a member about that member.
pub fn member_probe(spec: &MemberSpec) -> ProbeRequest {
    ProbeRequest {
        disks: vec![spec.data_dir.clone()],
        ports: vec![spec.client_port, spec.peer_port],
        services: vec![service(spec)],
        tools: true,
        bin_dirs: spec.bin_dir.iter().cloned().collect(),
        users: vec![spec.user.clone()],
        data_dirs: vec![spec.data_dir.clone()],
        cluster: Some(spec.cluster.clone()),
        ..ProbeRequest::default()
    }
}

/// What shows whether a member's process runs.
fn running_probe(spec: &MemberSpec) -> ProbeRequest {
    ProbeRequest {
        ports: vec![spec.client_port, spec.peer_port],
        services: vec![service(spec)],
        cluster: Some(spec.cluster.clone()),
        ..ProbeRequest::default()
    }
}

/// What a member's binaries are and can do.
fn tools_probe(spec: &MemberSpec) -> ProbeRequest {
    ProbeRequest {
        tools: true,
        bin_dirs: spec.bin_dir.iter().cloned().collect(),
        cluster: Some(spec.cluster.clone()),
        ..ProbeRequest::default()
    }
}

/// What a member's host is made of.
fn hardware_probe(spec: &MemberSpec) -> ProbeRequest {
    ProbeRequest {
        disks: vec![spec.data_dir.clone()],
        media: vec![spec.data_dir.clone()],
        links: vec![spec.address.clone()],
        cluster: Some(spec.cluster.clone()),
        ..ProbeRequest::default()
    }
}

fn service(spec: &MemberSpec) -> ServiceQuery {
    ServiceQuery {
        unit: spec.unit.clone(),
        manager: spec.manager,
        run_dir: (spec.manager == ServiceManager::Process).then(|| spec.run_dir()),
    }
}

fn hosts_only(hosts: &[HostName]) -> Needs {
    Needs {
        hosts: hosts
            .iter()
            .map(|h| (h.clone(), ProbeRequest::default()))
            .collect(),
        ..Needs::default()
    }
}

fn of_hosts(members: &[HostName], specs: &BTreeMap<HostName, MemberSpec>) -> Needs {
    of_hosts_with(members, specs, member_probe)
}

fn of_hosts_with(
    members: &[HostName],
    specs: &BTreeMap<HostName, MemberSpec>,
    probe: impl Fn(&MemberSpec) -> ProbeRequest,
) -> Needs {
    Needs {
        hosts: members
            .iter()
            .map(|h| (h.clone(), specs.get(h).map(&probe).unwrap_or_default()))
            .collect(),
        ..Needs::default()
    }
}

fn every(specs: &BTreeMap<HostName, MemberSpec>) -> Vec<HostName> {
    specs.keys().cloned().collect()
}

fn of_members(
    members: &[HostName],
    specs: &BTreeMap<HostName, MemberSpec>,
    hash_at: Option<i64>,
) -> Needs {
    Needs {
        members: members
            .iter()
            .filter_map(|h| specs.get(h).map(|spec| (h.clone(), spec.clone())))
            .collect(),
        query: MemberQuery {
            hash_at,
            timeout_ms: MEMBER_TIMEOUT_MS,
        },
        ..Needs::default()
    }
}

fn snapshot(path: &str, sha256: Option<String>) -> Needs {
    Needs {
        snapshots: BTreeMap::from([(path.to_owned(), sha256)]),
        ..Needs::default()
    }
}

fn disk(hosts: &[HostName], path: Option<&str>, specs: &BTreeMap<HostName, MemberSpec>) -> Needs {
    let mut needs = hosts_only(hosts);
    for (host, request) in &mut needs.hosts {
        request
            .disks
            .extend(disk_path(host, path, specs).map(str::to_owned));
    }
    needs
}

/// The path whose room a guard asks for on a host.
pub(super) fn disk_path<'a>(
    host: &HostName,
    path: Option<&'a str>,
    specs: &'a BTreeMap<HostName, MemberSpec>,
) -> Option<&'a str> {
    path.or_else(|| specs.get(host).map(|spec| spec.data_dir.as_str()))
}
