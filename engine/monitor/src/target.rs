//! Where a member's metrics are: its client URL, or what `ETCD_LISTEN_METRICS_URLS` says.

use std::net::IpAddr;

use runbook_model::host::{HostName, MemberSpec, Scheme};

use crate::file::{MonitorError, Note};

/// Files of the Prometheus host that open a member's client port; their content is never read here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authority that the members' certificates are checked against.
    pub ca: Option<String>,
    /// Client certificate.
    pub cert: Option<String>,
    /// Its key.
    pub key: Option<String>,
}

/// What Prometheus asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `address:port`, an IPv6 address in brackets.
    pub address: String,
    /// Of the URL.
    pub scheme: Scheme,
    /// The member's name.
    pub member: String,
    /// Its host in the inventory: another name where `etcd_name` says so.
    pub host: HostName,
}

/// A cluster that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `etcd_cluster`.
    pub name: String,
    /// Inventory group that it was read from.
    pub group: String,
    /// Whether others' members are in that group too.
    pub shares_group: bool,
    /// In the inventory's order.
    pub targets: Vec<Target>,
}

impl Cluster {
    /// `etcd`, or `etcd-NAME`: unlike for unlike clusters, and met by the usual selector `job=~".*etcd.*"`.
    pub fn job(&self) -> String {
        if self.name == "etcd" {
            self.name.clone()
        } else {
            format!("etcd-{}", self.name)
        }
    }
}

/// The clusters of some groups' members, in order of first appearance; a member that several groups have is taken once.
pub(crate) fn clusters(
    groups: &[(String, Vec<MemberSpec>)],
    notes: &mut Vec<Note>,
) -> Result<Vec<Cluster>, MonitorError> {
    let mut found: Vec<Cluster> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for (group, specs) in groups {
        for spec in specs.iter().filter(|s| taken.insert(s.host.clone())) {
            let target = target(spec, notes)?;
            match found.iter_mut().find(|c| c.name == spec.cluster) {
                Some(cluster) => cluster.targets.push(target),
                None => found.push(Cluster {
                    name: spec.cluster.clone(),
                    group: group.clone(),
                    shares_group: specs.iter().any(|other| other.cluster != spec.cluster),
                    targets: vec![target],
                }),
            }
        }
    }
    Ok(found)
}

/// Where one member answers `/metrics`.
fn target(spec: &MemberSpec, notes: &mut Vec<Note>) -> Result<Target, MonitorError> {
    let of = |scheme, address: String| Target {
        address,
        scheme,
        member: spec.name.clone(),
        host: spec.host.clone(),
    };
    let url = spec.client_url();
    let client = url.split_once("://").map_or("", |(_, address)| address);
    let Some((_, urls)) = spec
        .extra
        .iter()
        .rfind(|(name, _)| name == "ETCD_LISTEN_METRICS_URLS")
    else {
        return Ok(of(spec.scheme, client.to_owned()));
    };
    for url in urls.split(',').map(str::trim) {
        let (scheme, host, port) = parts(url).ok_or_else(|| MonitorError::MetricsUrl {
            host: spec.host.clone(),
            url: url.to_owned(),
        })?;
        match reach(host, &spec.address) {
            Reach::Anywhere => return Ok(of(scheme, authority(&spec.address, port))),
            Reach::Named => return Ok(of(scheme, authority(host, port))),
            Reach::Nowhere => {}
        }
    }
    notes.push(Note::MetricsOnLoopback {
        host: spec.host.clone(),
        url: spec.client_url(),
    });
    Ok(of(spec.scheme, client.to_owned()))
}

/// From where a listener can be reached.
enum Reach {
    /// On every address of the host.
    Anywhere,
    /// On the address that it names.
    Named,
    /// Only on the host itself.
    Nowhere,
}

fn reach(host: &str, address: &str) -> Reach {
    let ip = |text: &str| text.parse::<IpAddr>().ok();
    let own = |text: &str| text == "localhost" || ip(text).is_some_and(|ip| ip.is_loopback());
    if ip(host).is_some_and(|ip| ip.is_unspecified()) {
        Reach::Anywhere
    } else if own(host) && !own(address) {
        Reach::Nowhere
    } else {
        Reach::Named
    }
}

/// Scheme, host without brackets, and port of `http://0.0.0.0:2381`.
fn parts(url: &str) -> Option<(Scheme, &str, u16)> {
    let (scheme, rest) = match url.split_once("://")? {
        ("http", rest) => (Scheme::Http, rest),
        ("https", rest) => (Scheme::Https, rest),
        _ => return None,
    };
    let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None => host,
    };
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(fit)).then_some((scheme, host, port.parse().ok()?))
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
