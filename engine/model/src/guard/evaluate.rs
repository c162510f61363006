//! Evaluation: a guard and a view in, a verdict out. One function a guard; nothing here asks anybody.

use super::etcd_servers;
use super::members::{self, list};
use super::needs::disk_path;
use super::network;
use super::restored;
use super::sizing;
use super::versions;
use super::{Guard, Verdict};
use super::{hints, membership};
use crate::facts::{HostFacts, ServiceFacts, Tool};
use crate::host::{HostName, MemberSpec};
use crate::units::bytes as size;
use crate::view::View;

/// Clocks may differ by this much, milliseconds.
const CLOCK_LIMIT_MS: i64 = 1_000;

/// Says whether `guard` holds on `view`.
pub fn evaluate(guard: &Guard, view: &View) -> Verdict {
    match guard {
        Guard::Reachable { hosts } => reachable(hosts, view),
        Guard::QuorumSafe { members, stopping } => members::quorum_safe(members, stopping, view),
        Guard::QuorumLost { members } => members::quorum_lost(members, view),
        Guard::SnapshotVerified { path, sha256 } => {
            snapshot_verified(path, sha256.as_deref(), view)
        }
        Guard::SnapshotFits { members, path } => snapshot_fits(members, path, view),
        Guard::DiskFree { hosts, bytes, path } => disk_free(hosts, *bytes, path.as_deref(), view),
        Guard::ClusterHealthy { members } => members::healthy(members, view),
        Guard::SameHash { members } => members::same_hash(members, view),
        Guard::AllStopped { members } => each(members, view, "stopped", stopped),
        Guard::DataDirEmpty { members } => room_for_data(members, view),
        Guard::PortsFree { members } => each(members, view, "with free ports", ports_free),
        Guard::ClocksAgree { hosts } => clocks_agree(hosts, view),
        Guard::NoAlarm { members } => members::no_alarm(members, view),
        Guard::ClusterFormed { members } => members::formed(members, view),
        Guard::ClusterAbsent { members } => cluster_absent(members, view),
        Guard::RestoredFrom { members, path } => restored::restored_from(members, path, view),
        Guard::ToolsPresent { members, tools } => {
            each(members, view, "with the tools", |spec, facts| {
                tools_present(tools, spec, facts)
            })
        }
        Guard::AnyServing { members } => members::any_serving(members, view),
        Guard::RevisionAtLeast { members, revision } => {
            members::revision_at_least(members, *revision, view)
        }
        Guard::CertsValid { members, within_s } => {
            members::certificates_valid(members, *within_s, view)
        }
        Guard::CertificatesServed { members } => members::certificates_served(members, view),
        Guard::MembershipSettled { joining, .. } => membership::settled(joining, view),
        Guard::RemovalSafe { members, leaving } => membership::removal_safe(members, leaving, view),
        Guard::AllUnlisted { joining } => membership::all_unlisted(joining, view),
        Guard::FurthestAhead { members, chosen } => members::furthest_ahead(members, chosen, view),
        Guard::InventoryMatches { members } => membership::inventory_matches(members, view),
        Guard::Chosen { value: true } => holds("chosen"),
        Guard::Chosen { value: false } => violated("not chosen"),
        Guard::AllServing { members } => members::all_serving(members, view),
        Guard::NoCorruption { members } => members::no_corruption(members, view),
        Guard::VersionRuns { members, version } => versions::all_run(members, version, view),
        Guard::SameVersion { members } => versions::same(members, view),
        Guard::Upgradable { members, version } => versions::upgradable(members, version, view),
        Guard::FitsSize { members, size } => sizing::fits(members, *size, view),
        Guard::FsyncWithin {
            members, limit_ms, ..
        } => sizing::fsync_within(members, *limit_ms, view),
        Guard::RevisionBumps {
            members,
            watchers,
            bump,
        } => revision_bumps(members, watchers, *bump, view),
        Guard::PeersReachable { members } => network::peers_reachable(members, view),
        Guard::EtcdServersMatch { apis, .. } => etcd_servers::matching(apis, view),
        Guard::Writable { .. } => match &view.written {
            None => unknown("nothing was written yet"),
            Some(Ok(seen)) => holds(seen),
            Some(Err(why)) => violated(why),
        },
    }
}

pub(super) fn holds(observed: impl Into<String>) -> Verdict {
    Verdict::Holds {
        observed: observed.into(),
    }
}

pub(super) fn violated(observed: impl Into<String>) -> Verdict {
    Verdict::Violated {
        observed: observed.into(),
        help: None,
    }
}

pub(super) fn violated_help(observed: impl Into<String>, help: impl Into<String>) -> Verdict {
    Verdict::Violated {
        observed: observed.into(),
        help: Some(help.into()),
    }
}

pub(super) fn unknown(why: impl Into<String>) -> Verdict {
    Verdict::Unknown { why: why.into() }
}

/// What one host says about a guard that is about each host.
pub(super) enum Finding {
    /// It holds there.
    Fine,
    /// It does not: in words.
    Bad(String),
    /// It cannot be told: why.
    Untold(String),
}

/// A verdict from findings: one violation decides, then one unknown.
pub(super) fn settle(findings: Vec<Finding>, all: &str) -> Verdict {
    let (mut bad, mut untold) = (Vec::new(), Vec::new());
    let count = findings.len();
    for finding in findings {
        match finding {
            Finding::Fine => {}
            // All members tell the same alarm.
            Finding::Bad(what) if bad.contains(&what) => {}
            Finding::Bad(what) => bad.push(what),
            Finding::Untold(why) => untold.push(why),
        }
    }
    if !bad.is_empty() {
        violated(list(&bad))
    } else if !untold.is_empty() {
        unknown(list(&untold))
    } else {
        holds(format!("{count} of {count} {all}"))
    }
}

/// Asks `check` of each member's host, where it was reached.
fn each(
    members: &[HostName],
    view: &View,
    all: &str,
    mut check: impl FnMut(&MemberSpec, &HostFacts) -> Finding,
) -> Verdict {
    let findings = members
        .iter()
        .map(|host| match (view.specs.get(host), view.facts(host)) {
            (Some(spec), Some(facts)) => check(spec, facts),
            _ => Finding::Untold(why_untold(host, view)),
        })
        .collect();
    settle(findings, all)
}

pub(super) fn why_untold(host: &HostName, view: &View) -> String {
    match view.hosts.get(host) {
        Some(Err(error)) => error.to_string(),
        _ => format!("`{host}` was not asked"),
    }
}

fn reachable(hosts: &[HostName], view: &View) -> Verdict {
    let findings = hosts
        .iter()
        .map(|host| match view.hosts.get(host) {
            Some(Ok(_)) => Finding::Fine,
            Some(Err(error)) => Finding::Bad(error.to_string()),
            None => Finding::Untold(why_untold(host, view)),
        })
        .collect();
    settle(findings, "hosts answer")
}

fn snapshot_verified(path: &str, sha256: Option<&str>, view: &View) -> Verdict {
    let Some(found) = view.snapshots.get(path) else {
        return unknown(format!("`{path}` was not read"));
    };
    if !found.refused.is_empty() {
        return violated_help(
            format!("`{path}`: {}", list(&found.refused)),
            format!(
                "`runbook snapshot verify {path}` shows every finding; take another snapshot file"
            ),
        );
    }
    match sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&found.sha256) => violated(format!(
            "SHA-256 of `{path}` is {}, expected {wanted}",
            found.sha256
        )),
        _ => holds(format!(
            "revision {}, {} keys, hash {:08x}, SHA-256 {}",
            found.revision,
            found.total_keys,
            found.hash,
            found.sha256.get(..12).unwrap_or(&found.sha256)
        )),
    }
}

fn snapshot_fits(members: &[HostName], path: &str, view: &View) -> Verdict {
    let Some(found) = view.snapshots.get(path) else {
        return unknown(format!("`{path}` was not read"));
    };
    each(members, view, "can restore and read it", |spec, facts| {
        let host = &spec.host;
        if !facts.tools.iter().any(|tool| tool.can_restore) {
            return Finding::Bad(format!(
                "`{host}` has neither etcdutl nor an etcdctl that restores snapshots"
            ));
        }
        let Some(etcd) = facts.tools.iter().find(|tool| tool.name == "etcd") else {
            return Finding::Bad(format!("`{host}` has no etcd"));
        };
        match &found.needs_version {
            Some(needed) if version(&etcd.version) < version(needed) => Finding::Bad(format!(
                "the snapshot was written by etcd {needed} or later, `{host}` has {}",
                etcd.version
            )),
            _ => Finding::Fine,
        }
    })
}

fn revision_bumps(members: &[HostName], watchers: &[HostName], bump: i64, view: &View) -> Verdict {
    if watchers.is_empty() {
        return holds("the inventory has no API servers");
    }
    if bump <= 0 {
        return violated_help(
            format!(
                "`bump` is {bump}: API servers that watched later revisions would get no events"
            ),
            "leave `bump` at its default",
        );
    }
    let verdict = each(members, view, "can bump revisions", |spec, facts| {
        let restores = |t: &&Tool| t.can_restore;
        match facts.tools.iter().filter(restores).collect::<Vec<_>>()[..] {
            [] => Finding::Bad(format!("`{}` has no tool that restores", spec.host)),
            ref tools if tools.iter().any(|t| t.restore_bump) => Finding::Fine,
            ref tools => Finding::Bad(format!(
                "{} {} of `{}` cannot bump revisions",
                tools[0].path, tools[0].version, spec.host
            )),
        }
    });
    match verdict {
        Verdict::Violated { observed, .. } => violated_help(
            observed,
            "install etcdutl 3.5.10 or later (3.4.27 in 3.4) there; without a bump, what watched later revisions gets no error and \
             no events until it lists again",
        ),
        other => other,
    }
}

/// Major and minor of a version's text, zero where it has none.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text
        .trim_start_matches('v')
        .split('.')
        .map(|p| p.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn disk_free(hosts: &[HostName], bytes: u64, path: Option<&str>, view: &View) -> Verdict {
    let mut least = None;
    let mut findings = Vec::new();
    for host in hosts {
        let disk = disk_path(host, path, &view.specs)
            .and_then(|path| view.facts(host).and_then(|facts| facts.disks.get(path)));
        findings.push(match disk {
            None => Finding::Untold(why_untold(host, view)),
            Some(disk) if disk.available < bytes => Finding::Bad(format!(
                "`{host}` has {} free on {}, {} are needed",
                size(disk.available),
                disk.mount,
                size(bytes)
            )),
            Some(disk) => {
                least = Some(least.unwrap_or(u64::MAX).min(disk.available));
                Finding::Fine
            }
        });
    }
    match settle(findings, "hosts have room") {
        Verdict::Holds { observed } => match least {
            Some(least) => holds(format!(
                "at least {} free, {} needed",
                size(least),
                size(bytes)
            )),
            None => holds(observed),
        },
        other => other,
    }
}

fn stopped(spec: &MemberSpec, facts: &HostFacts) -> Finding {
    let host = &spec.host;
    if facts
        .services
        .get(&spec.unit)
        .is_some_and(ServiceFacts::is_running)
    {
        return Finding::Bad(format!("`{}` still runs on `{host}`", spec.unit));
    }
    for process in &facts.etcd_processes {
        match &process.data_dir {
            Some(dir) if dir != &spec.data_dir => {}
            Some(_) => {
                return Finding::Bad(format!("etcd (pid {}) still runs on `{host}`", process.pid));
            }
            // Only root can always see a process's data dir; as another user our own processes are seen.
            None if facts.user == "root" => {
                return Finding::Untold(format!(
                    "etcd (pid {}) on `{host}` hides its data dir",
                    process.pid
                ));
            }
            None => {}
        }
    }
    for port in [spec.client_port, spec.peer_port] {
        if let Some(Some(listener)) = facts.ports.get(&port) {
            return Finding::Bad(format!(
                "`{}` still listens on port {port} of `{host}`",
                name_of(&listener.command)
            ));
        }
    }
    Finding::Fine
}

fn name_of(command: &str) -> &str {
    if command.is_empty() {
        "a process"
    } else {
        command
    }
}

fn data_dir_empty(spec: &MemberSpec, facts: &HostFacts) -> Finding {
    match facts.data_dirs.get(&spec.data_dir) {
        None => Finding::Untold(format!(
            "`{}` was not looked at on `{}`",
            spec.data_dir, spec.host
        )),
        Some(dir) if !dir.exists || dir.empty => Finding::Fine,
        Some(dir) => Finding::Bad(format!(
            "`{}` on `{}` holds {} of data",
            spec.data_dir,
            spec.host,
            size(dir.bytes)
        )),
    }
}

/// Nothing lies where these members are to have their data. What a living member has is nobody's to move away.
fn room_for_data(members: &[HostName], view: &View) -> Verdict {
    let living = members.iter().find(|host| {
        let formed = membership::listed(host, view).is_some();
        formed && members::serving(host, view).is_some()
    });
    if let Some(host) = living {
        return violated_help(
            format!("`{host}` is a member of the cluster already, and its data is in use"),
            hints::LISTED,
        );
    }
    let mut help = None;
    let verdict = each(members, view, "without data", |spec, facts| {
        let finding = data_dir_empty(spec, facts);
        if matches!(finding, Finding::Bad(_)) && help.is_none() {
            help = Some(hints::aside(spec));
        }
        finding
    });
    match verdict {
        Verdict::Violated { observed, .. } => Verdict::Violated { observed, help },
        other => other,
    }
}

fn ports_free(spec: &MemberSpec, facts: &HostFacts) -> Finding {
    let service = facts.services.get(&spec.unit);
    for port in [spec.client_port, spec.peer_port] {
        match facts.ports.get(&port) {
            None => {
                return Finding::Untold(format!(
                    "port {port} was not looked at on `{}`",
                    spec.host
                ));
            }
            Some(None) => {}
            Some(Some(listener)) => {
                let own = service.is_some_and(|s| {
                    s.is_running() && (listener.pid == 0 || s.pid == listener.pid)
                });
                if !own {
                    return Finding::Bad(format!(
                        "port {port} of `{}` is taken by `{}` (pid {})",
                        spec.host,
                        name_of(&listener.command),
                        listener.pid
                    ));
                }
            }
        }
    }
    Finding::Fine
}

fn tools_present(tools: &[String], spec: &MemberSpec, facts: &HostFacts) -> Finding {
    let missing: Vec<_> = tools
        .iter()
        .filter(|tool| !facts.tools.iter().any(|found| &&found.name == tool))
        .map(|tool| format!("`{tool}`"))
        .collect();
    if missing.is_empty() {
        Finding::Fine
    } else {
        Finding::Bad(format!("`{}` lacks {}", spec.host, missing.join(", ")))
    }
}

fn clocks_agree(hosts: &[HostName], view: &View) -> Verdict {
    let mut offsets = Vec::new();
    let mut findings = Vec::new();
    for host in hosts {
        findings.push(match view.facts(host) {
            None => Finding::Untold(why_untold(host, view)),
            Some(facts) if facts.clock_offset_ms.abs() > CLOCK_LIMIT_MS => Finding::Bad(format!(
                "the clock of `{host}` is {} ms off this machine's",
                facts.clock_offset_ms
            )),
            Some(facts) => {
                offsets.push(facts.clock_offset_ms);
                Finding::Fine
            }
        });
    }
    let spread = offsets
        .iter()
        .max()
        .zip(offsets.iter().min())
        .map_or(0, |(most, least)| most - least);
    match settle(findings, "clocks agree") {
        Verdict::Holds { .. } if spread > CLOCK_LIMIT_MS => {
            violated(format!("the hosts' clocks are up to {spread} ms apart"))
        }
        Verdict::Holds { .. } => holds(format!("at most {spread} ms apart")),
        other => other,
    }
}

fn cluster_absent(members: &[HostName], view: &View) -> Verdict {
    if let Some((host, status)) = members
        .iter()
        .find_map(|h| members::serving(h, view).map(|s| (h, s)))
    {
        return violated_help(
            format!(
                "a member of cluster {:x} serves on `{host}`",
                status.cluster_id
            ),
            hints::FORMED,
        );
    }
    each(
        members,
        view,
        "hosts without a member",
        |spec, facts| match data_dir_empty(spec, facts) {
            Finding::Fine => stopped(spec, facts),
            other => other,
        },
    )
}
