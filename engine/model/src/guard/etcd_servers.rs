//! API servers: whether the endpoints that they are given are the cluster's members.

use std::net::IpAddr;

use super::Verdict;
use super::evaluate::{Finding, holds, settle, unknown, violated, why_untold};
use super::hints::shown;
use super::membership::{UNTOLD, host_of, several_clusters};
use crate::cluster::Member;
use crate::facts::EtcdServers;
use crate::host::{HostName, MemberSpec};
use crate::view::View;

/// The flag of an API server that names its etcd.
const FLAG: &str = "--etcd-servers";

/// A voter, and where clients find it.
struct Voter<'a> {
    member: &'a Member,
    host: Option<&'a HostName>,
    urls: Vec<String>,
}

/// One that is given other endpoints than the voters' asks members that are gone, or loses etcd with the few that it knows.
pub(super) fn matching(apis: &[HostName], view: &View) -> Verdict {
    if apis.is_empty() {
        return holds("the inventory has no API servers");
    }
    let Some(members) = view.cluster.membership() else {
        return unknown(UNTOLD);
    };
    if let Some(several) = several_clusters(view) {
        return several;
    }
    let mut voters: Vec<Voter<'_>> = members
        .iter()
        .filter(|m| !m.is_learner)
        .map(|m| voter(m, view))
        .collect();
    if let Some(mute) = voters.iter().find(|v| v.urls.is_empty()) {
        return unknown(format!(
            "{} tells no client URL yet",
            shown(mute.member, None)
        ));
    }
    voters.sort_by(|a, b| a.member.name.cmp(&b.member.name));
    let (mut findings, mut lines, mut stacked) = (Vec::new(), Vec::new(), 0);
    for host in apis {
        let given = match told(host, view) {
            Ok(given) => given,
            Err(why) => {
                findings.push(Finding::Untold(why));
                continue;
            }
        };
        let seen = Seen::of(host, given.1, &voters, view);
        stacked += usize::from(seen.is_stacked(host, &voters));
        let finding = seen.finding(host, &voters, view);
        if matches!(finding, Finding::Bad(_)) {
            lines.push([host.to_string(), given.0.to_owned(), seen.line(&voters)]);
        }
        findings.push(finding);
    }
    let all = format!("API servers name the {} voters", voters.len());
    match settle(findings, &all) {
        Verdict::Holds { observed } if stacked > 0 => holds(format!(
            "{observed}, {stacked} of them by the one on their own host alone"
        )),
        Verdict::Violated { observed, .. } => violated(format!("{observed}\n{}", table(&lines))),
        other => other,
    }
}

fn voter<'a>(member: &'a Member, view: &'a View) -> Voter<'a> {
    let spec = host_of(member, view);
    let mut urls = member.client_urls.clone();
    if urls.is_empty() {
        urls.extend(spec.map(MemberSpec::client_url));
    }
    Voter {
        member,
        host: spec.map(|s| &s.host),
        urls,
    }
}

/// Where an API server's flags stand, and the endpoints that they name; else why they cannot be told.
fn told<'a>(host: &HostName, view: &'a View) -> Result<(&'a str, &'a [String]), String> {
    let Some(facts) = view.facts(host) else {
        return Err(why_untold(host, view));
    };
    match &facts.api_server {
        None => Err(format!("the API server of `{host}` was not looked at")),
        Some(EtcdServers { source, endpoints }) => match endpoints {
            Ok(endpoints) => Ok((source, endpoints)),
            Err(why) => Err(format!("{source} of `{host}`: {why}")),
        },
    }
}

/// What an API server's endpoints are.
#[derive(Default)]
struct Seen {
    /// Voters by index, each with the endpoint as written.
    named: Vec<(usize, String)>,
    /// No voter's.
    foreign: Vec<String>,
    /// Names that may be anybody's.
    untold: Vec<String>,
}

impl Seen {
    fn of(api: &HostName, given: &[String], voters: &[Voter<'_>], view: &View) -> Self {
        let mut seen = Self::default();
        let mut others = Vec::new();
        for end in given {
            match voters.iter().position(|v| stands_for(end, v, api, view)) {
                Some(at) => seen.named.push((at, end.clone())),
                None => others.push(end.clone()),
            }
        }
        let by_name = seen.missing(voters).any(|v| {
            let address = v.urls.iter().filter_map(|u| Address::of(u));
            address.into_iter().any(|a| a.ip().is_none())
        });
        for end in others {
            if is_foreign(&end, by_name, api, view) {
                seen.foreign.push(end);
            } else {
                seen.untold.push(end);
            }
        }
        seen
    }

    fn missing<'v>(&self, voters: &'v [Voter<'v>]) -> impl Iterator<Item = &'v Voter<'v>> {
        let named: Vec<usize> = self.named.iter().map(|(at, _)| *at).collect();
        let all = voters.iter().enumerate();
        all.filter(move |(at, _)| !named.contains(at))
            .map(|(_, voter)| voter)
    }

    /// kubeadm's stacked topology: each API server asks the member beside it alone.
    fn is_stacked(&self, api: &HostName, voters: &[Voter<'_>]) -> bool {
        let own = |(at, _): &(usize, String)| voters[*at].host == Some(api);
        !self.named.is_empty()
            && self.named.iter().all(own)
            && self.foreign.is_empty()
            && self.untold.is_empty()
    }

    fn finding(&self, api: &HostName, voters: &[Voter<'_>], view: &View) -> Finding {
        if self.is_stacked(api, voters) {
            return Finding::Fine;
        }
        if self.foreign.is_empty() && !self.untold.is_empty() {
            return Finding::Untold(format!(
                "`{api}` names {}: which members that is cannot be told",
                self.untold.join(", ")
            ));
        }
        let mut wrong = Vec::new();
        if self.untold.is_empty() {
            let missing = self.missing(voters);
            let missing: Vec<_> = missing.map(|v| shown(v.member, None)).collect();
            if !missing.is_empty() {
                wrong.push(format!("does not name {}", missing.join(", ")));
            }
        }
        if !self.foreign.is_empty() {
            let foreign: Vec<_> = self.foreign.iter().map(|e| whose(e, view)).collect();
            wrong.push(format!("names {}, no voter's", foreign.join(", ")));
        }
        if wrong.is_empty() {
            return Finding::Fine;
        }
        Finding::Bad(format!("`{api}` {}", wrong.join(" and ")))
    }

    /// What is right stays as it is and where it is; what is missing follows.
    fn line(&self, voters: &[Voter<'_>]) -> String {
        let kept = self.named.iter().map(|(at, end)| match Address::of(end) {
            // An own member alone is left to kubeadm; among others each is named by its URL.
            Some(address) if address.is_loopback() => voters[*at].urls[0].clone(),
            _ => end.clone(),
        });
        let mut ends: Vec<String> = kept.collect();
        ends.extend(self.missing(voters).map(|v| v.urls[0].clone()));
        format!("{FLAG}={}", ends.join(","))
    }
}

/// Whether an endpoint is a voter's client URL, or reaches it on the API server's own host.
fn stands_for(end: &str, voter: &Voter<'_>, api: &HostName, view: &View) -> bool {
    if voter.urls.iter().any(|url| same(url, end)) {
        return true;
    }
    let own = view.specs.get(api).filter(|_| voter.host == Some(api));
    own.is_some_and(|spec| {
        Address::of(end).is_some_and(|a| a.is_loopback() && a.port == spec.client_port)
    })
}

/// Whether an endpoint that is no voter's can be nobody's. A name may stand for any address, and so may an address for a voter that is
/// known by name.
fn is_foreign(end: &str, by_name: bool, api: &HostName, view: &View) -> bool {
    if former(end, view).is_some() {
        return true;
    }
    let Some(address) = Address::of(end) else {
        return false;
    };
    if address.is_loopback() {
        // On a host without a member a proxy may listen there.
        return view.specs.contains_key(api);
    }
    address.ip().is_some() && !by_name
}

/// The inventory's member whose client URL this is.
fn former<'a>(end: &str, view: &'a View) -> Option<&'a MemberSpec> {
    let mut specs = view.specs.values();
    specs.find(|spec| same(&spec.client_url(), end))
}

fn whose(end: &str, view: &View) -> String {
    match former(end, view) {
        Some(spec) => format!("{end} (`{}`)", spec.name),
        None => end.to_owned(),
    }
}

/// An endpoint's parts; a scheme need not be written.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    scheme: Option<String>,
    host: String,
    port: u16,
}

impl Address {
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, url),
        };
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let plain = |ip: IpAddr| ip.to_string();
        Some(Self {
            scheme,
            host: host
                .parse()
                .map_or_else(|_| host.to_ascii_lowercase(), plain),
            port: port.parse().ok()?,
        })
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

fn same(url: &str, end: &str) -> bool {
    match (Address::of(url), Address::of(end)) {
        (Some(url), Some(end)) => {
            (&url.host, url.port) == (&end.host, end.port)
                && (end.scheme.is_none() || url.scheme == end.scheme)
        }
        _ => false,
    }
}

/// Host, file or unit, and the line, each column as wide as it needs.
fn table(lines: &[[String; 3]]) -> String {
    let head = ["host", "in", "flag to put there"].map(str::to_owned);
    let width = |at: usize| {
        let rows = lines.iter().chain([&head]);
        rows.map(|row| row[at].chars().count()).max().unwrap_or(0)
    };
    let (host, source) = (width(0), width(1));
    let row = |[a, b, c]: &[String; 3]| format!("{a:host$}  {b:source$}  {c}");
    let rows: Vec<_> = [&head].into_iter().chain(lines).map(row).collect();
    rows.join("\n")
}
