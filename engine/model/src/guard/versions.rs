//! Guards about versions of etcd: what runs, and what it may become.
//!
//! Source: etcd's upgrade guides and changelogs. One minor at a time; the cluster's version is that of its oldest member, and data of a
//! newer cluster version is not read by an older etcd.

use super::Verdict;
use super::evaluate::{Finding, holds, settle, unknown, violated, violated_help};
use super::members::{list, serving, silent};
use crate::host::{HostName, Install};
use crate::view::View;

/// Major, minor, patch.
type Version = (u32, u32, u32);

/// Ranges that lose or mix up data, and why. Both ends belong to them.
const BAD: &[(Version, Version, &str)] = &[(
    (3, 5, 0),
    (3, 5, 2),
    "after a crash its members may hold different data (etcd-io/etcd issue 13766); take 3.5.6 or later",
)];

/// The lowest patch from which the next minor may be reached.
const LEAST: &[(Version, &str)] = &[(
    (3, 5, 26),
    "earlier ones can bring back members that were removed (etcd's guide for 3.6); go to 3.5.26 or later first",
)];

/// Reads `3.5.16`; what stands behind the patch (`-rc.1`) is left out.
pub fn parse(text: &str) -> Option<Version> {
    let text = text.trim().trim_start_matches('v');
    let mut parts = text.splitn(3, '.');
    let mut number = || {
        let part = parts.next()?;
        let digits = part.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    Some((number()?, number()?, number()?))
}

fn shown((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

/// Each member's version; the finding says why one is not known.
fn running(members: &[HostName], view: &View) -> (Vec<Version>, Vec<Finding>) {
    let mut versions = Vec::new();
    let findings = members
        .iter()
        .map(|host| match serving(host, view) {
            None => silent(host, view),
            Some(status) => match parse(&status.version) {
                Some(version) => {
                    versions.push(version);
                    Finding::Fine
                }
                None => Finding::Untold(format!("`{host}` does not tell its version")),
            },
        })
        .collect();
    (versions, findings)
}

/// Every member runs this version.
pub(super) fn all_run(members: &[HostName], version: &str, view: &View) -> Verdict {
    let findings = members
        .iter()
        .map(|host| match serving(host, view) {
            None => silent(host, view),
            Some(status) if parse(&status.version) == parse(version) => Finding::Fine,
            Some(status) => Finding::Bad(format!("`{host}` runs {}", status.version)),
        })
        .collect();
    settle(findings, &format!("members run {version}"))
}

/// No upgrade is half-way. Members that do not answer are others' concern.
pub(super) fn same(members: &[HostName], view: &View) -> Verdict {
    let told: Vec<_> = members
        .iter()
        .filter_map(|host| Some((host, serving(host, view)?)))
        .collect();
    let mut minors: Vec<_> = told
        .iter()
        .filter_map(|(_, status)| parse(&status.version))
        .map(|(major, minor, _)| (major, minor))
        .collect();
    minors.sort_unstable();
    minors.dedup();
    match minors.as_slice() {
        [] => unknown("no member tells its version"),
        [(major, minor)] => holds(format!("{} members run {major}.{minor}", told.len())),
        _ => {
            let each: Vec<_> = told
                .iter()
                .map(|(host, status)| format!("`{host}` {}", status.version))
                .collect();
            violated_help(
                format!("an upgrade is half-way: {}", each.join(", ")),
                "finish it first: `upgrade.etcdrb` with the newer version",
            )
        }
    }
}

/// Hosts on which another version lies, and the inventory brings none: a restart would be all that changes.
fn stale(members: &[HostName], wanted: Version, view: &View) -> Vec<String> {
    let found = members.iter().filter_map(|host| {
        let spec = view.specs.get(host)?;
        let etcd = view.facts(host)?.tools.iter().find(|t| t.name == "etcd")?;
        let other = spec.install == Install::Present && parse(&etcd.version) != Some(wanted);
        other.then(|| format!("`{}` of `{host}` is {}", etcd.path, etcd.version))
    });
    found.collect()
}

/// The members may be brought to this version, one after the other.
pub(super) fn upgradable(members: &[HostName], to: &str, view: &View) -> Verdict {
    let Some(wanted) = parse(to) else {
        return violated(format!("`{to}` is no version as 3.5.16"));
    };
    let (versions, findings) = running(members, view);
    let verdict = settle(findings, "members asked");
    let (Verdict::Holds { .. }, Some(oldest), Some(newest)) =
        (&verdict, versions.iter().min(), versions.iter().max())
    else {
        return verdict;
    };
    if let Some((_, _, why)) = BAD.iter().find(|(a, b, _)| (*a..=*b).contains(&wanted)) {
        return violated(format!("etcd {} is known to be bad: {why}", shown(wanted)));
    }
    let from = if oldest == newest {
        shown(*oldest)
    } else {
        format!("{} to {}", shown(*oldest), shown(*newest))
    };
    let minor = |v: &Version| (v.0, v.1);
    if minor(&wanted) < minor(oldest) {
        return violated_help(
            format!(
                "the members run {from}: what a {}.{} cluster wrote is not read by {}",
                oldest.0,
                oldest.1,
                shown(wanted)
            ),
            "going back works only while a member of the older minor is left; else restore a backup taken before the upgrade",
        );
    }
    if wanted.0 != oldest.0 || wanted.1 > oldest.1 + 1 {
        return violated_help(
            format!("the members run {from}: {} skips a minor", shown(wanted)),
            format!("one minor at a time: {}.{} first", oldest.0, oldest.1 + 1),
        );
    }
    let short = LEAST
        .iter()
        .find(|(least, _)| minor(least) == minor(oldest) && oldest < least && wanted.1 > oldest.1);
    if let Some((least, why)) = short {
        return violated(format!(
            "the members run {from}, {} wants {} at least: {why}",
            shown(wanted),
            shown(*least)
        ));
    }
    let stale = stale(members, wanted, view);
    if !stale.is_empty() {
        return violated_help(
            format!(
                "the inventory installs nothing (etcd_install=present): {}",
                list(&stale)
            ),
            format!(
                "put etcd {} there first, or let the inventory install it: etcd_install=package or archive",
                shown(wanted)
            ),
        );
    }
    holds(format!("{from} -> {}", shown(wanted)))
}
