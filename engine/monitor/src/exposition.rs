//! What `runbook status` saw, as a text that node_exporter's textfile collector takes.
//!
//! It tells what no metric of etcd does: when certificates end, and, up to 3.5, alarms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use runbook_model::cluster::{ClusterView, MemberProbe, MemberStatus};
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_model::quorum::quorum;
use runbook_model::view::View;
use runbook_pki::{certificates, inspect, inspect_der};

/// Alarms that etcd has: their series are there, as 0, before one is raised.
const ALARMS: [&str; 2] = ["NOSPACE", "CORRUPT"];

/// Every series, in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// When the look was taken.
    Looked,
    /// Whether a member answered.
    MemberUp,
    /// Members with a vote.
    Voters,
    /// Of those, the healthy ones.
    HealthyVoters,
    /// Voters that are needed.
    Quorum,
    /// Whether there are so many.
    HasQuorum,
    /// Alarms, each on the member that raised it.
    Alarm,
    /// When certificates end.
    CertificateEnd,
    /// A member's database file.
    DbSize,
    /// What of it is in use.
    DbInUse,
    /// The quota that the inventory names.
    Quota,
}

impl Series {
    /// All of them.
    pub const ALL: [Series; 11] = [
        Series::Looked,
        Series::MemberUp,
        Series::Voters,
        Series::HealthyVoters,
        Series::Quorum,
        Series::HasQuorum,
        Series::Alarm,
        Series::CertificateEnd,
        Series::DbSize,
        Series::DbInUse,
        Series::Quota,
    ];

    /// The metric's name.
    pub const fn name(self) -> &'static str {
        self.text().0
    }

    /// Name and HELP.
    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Series::Looked => (
                "runbook_etcd_status_timestamp_seconds",
                "When the cluster was looked at.",
            ),
            Series::MemberUp => (
                "runbook_etcd_member_up",
                "Whether the member answered for itself.",
            ),
            Series::Voters => (
                "runbook_etcd_voters",
                "Members with a vote; those of the inventory where no member tells.",
            ),
            Series::HealthyVoters => (
                "runbook_etcd_healthy_voters",
                "Voters that answer and know a leader.",
            ),
            Series::Quorum => (
                "runbook_etcd_quorum",
                "Healthy voters that are needed for a write.",
            ),
            Series::HasQuorum => (
                "runbook_etcd_has_quorum",
                "Whether there are so many; 0 also where members are of different clusters.",
            ),
            Series::Alarm => (
                "runbook_etcd_alarm",
                "Whether an alarm is active that this member raised.",
            ),
            Series::CertificateEnd => (
                "runbook_etcd_certificate_not_after_timestamp_seconds",
                "When the certificate ends: server as it is served, else as it stands on the host; peer and ca as they stand there; client as it stands where the look was taken.",
            ),
            Series::DbSize => ("runbook_etcd_db_size_bytes", "Size of the database file."),
            Series::DbInUse => (
                "runbook_etcd_db_size_in_use_bytes",
                "What of the database file is in use.",
            ),
            Series::Quota => (
                "runbook_etcd_quota_bytes",
                "Quota of the database, where the inventory names one.",
            ),
        }
    }
}

/// Labels in their order, with their values.
type Labels = Vec<(&'static str, String)>;
/// By series and labels, so that nothing stands twice and the same look gives the same text.
type Samples = BTreeMap<(Series, Labels), i128>;

/// Certificate files on a host that the text tells the ends of.
pub fn certificate_files(spec: &MemberSpec) -> Vec<String> {
    match spec.scheme {
        Scheme::Http => Vec::new(),
        Scheme::Https => ["server", "peer", "ca"]
            .map(|name| certificate_file(spec, name))
            .to_vec(),
    }
}

fn certificate_file(spec: &MemberSpec, name: &str) -> String {
    format!("{}/{name}.crt", spec.pki_dir)
}

/// The text. `clients` are the client certificates of the control host (PEM), by cluster.
pub fn exposition(view: &View, clients: &BTreeMap<String, String>) -> String {
    let mut samples = Samples::new();
    let names: BTreeSet<&str> = view.specs.values().map(|s| s.cluster.as_str()).collect();
    for name in names {
        let of = |(host, spec): (&HostName, &MemberSpec)| {
            (spec.cluster == name).then(|| (host.clone(), spec.clone()))
        };
        let specs: BTreeMap<_, _> = view.specs.iter().filter_map(of).collect();
        let here = Here {
            cluster: name,
            view,
            specs: &specs,
        };
        here.cluster_wide(clients.get(name), &mut samples);
        for (host, spec) in &specs {
            here.member(host, spec, &mut samples);
        }
        here.alarms(&mut samples);
    }
    text(&samples)
}

/// One cluster in a view.
struct Here<'a> {
    cluster: &'a str,
    view: &'a View,
    specs: &'a BTreeMap<HostName, MemberSpec>,
}

impl Here<'_> {
    fn labels(&self, more: &[(&'static str, &str)]) -> Labels {
        let mut labels = vec![("cluster", self.cluster.to_owned())];
        labels.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        labels
    }

    /// What the cluster's members say.
    fn serving(&self) -> impl Iterator<Item = (&HostName, &MemberStatus)> {
        let all = self.view.cluster.serving();
        all.filter(|(host, _)| self.specs.contains_key(*host))
    }

    fn cluster_wide(&self, client: Option<&String>, samples: &mut Samples) {
        let members = self.view.cluster.members.iter();
        let own = ClusterView {
            members: members
                .filter(|(host, _)| self.specs.contains_key(*host))
                .map(|(host, probe)| (host.clone(), probe.clone()))
                .collect(),
        };
        let seen = own.quorum(self.specs.len());
        for (series, value) in [
            (Series::Looked, i128::from(self.view.now)),
            (Series::Voters, count(seen.voters)),
            (Series::HealthyVoters, count(seen.healthy)),
            (Series::Quorum, count(quorum(seen.voters))),
            (
                Series::HasQuorum,
                i128::from(seen.holds() && !own.is_split()),
            ),
        ] {
            samples.insert((series, self.labels(&[])), value);
        }
        if let Some(end) = client.and_then(|pem| Some(inspect(pem).ok()?.not_after)) {
            let labels = self.labels(&[("certificate", "client")]);
            samples.insert((Series::CertificateEnd, labels), end.into());
        }
    }

    fn member(&self, host: &HostName, spec: &MemberSpec, samples: &mut Samples) {
        let status = match self.view.cluster.members.get(host) {
            Some(MemberProbe::Serving(status)) => Some(status.as_ref()),
            _ => None,
        };
        let member = [("member", spec.name.as_str())];
        let mut tell = |series, value| samples.insert((series, self.labels(&member)), value);
        tell(Series::MemberUp, i128::from(status.is_some()));
        if let Some(quota) = spec.quota_bytes {
            tell(Series::Quota, quota.into());
        }
        if let Some(status) = status {
            tell(Series::DbSize, status.db_size.into());
            tell(Series::DbInUse, status.db_size_in_use.into());
        }
        for (name, end) in self.ends(host, spec, status) {
            let labels = self.labels(&[member[0], ("certificate", name)]);
            samples.insert((Series::CertificateEnd, labels), end.into());
        }
    }

    /// When a member's certificates end. One that has ended is served to nobody who looks: then the file tells.
    fn ends(
        &self,
        host: &HostName,
        spec: &MemberSpec,
        status: Option<&MemberStatus>,
    ) -> Vec<(&'static str, i64)> {
        let file = |name| {
            let facts = self.view.facts(host)?;
            facts.certificates.get(&certificate_file(spec, name))
        };
        let leaf = |name| inspect(file(name)?).ok();
        let (server, peer) = (leaf("server"), leaf("peer"));
        let served = status.and_then(|s| s.certificate_not_after);
        // A bundle may hold others, of old or new; of two of one name the later one will do.
        let issuer = server.as_ref().or(peer.as_ref()).map(|leaf| &leaf.issuer);
        let authority = file("ca").and_then(|pem| {
            let all = certificates(pem).ok()?;
            let all = all.iter().filter_map(|der| inspect_der(der).ok());
            let issuers = all.filter(|info| Some(&info.subject) == issuer);
            issuers.map(|info| info.not_after).max()
        });
        [
            ("server", served.or(server.map(|leaf| leaf.not_after))),
            ("peer", peer.map(|leaf| leaf.not_after)),
            ("ca", authority),
        ]
        .into_iter()
        .filter_map(|(name, end)| Some((name, end?)))
        .collect()
    }

    /// Each alarm on the member that it is of, whoever told.
    fn alarms(&self, samples: &mut Samples) {
        let names: BTreeMap<u64, &str> = self
            .serving()
            .filter_map(|(host, s)| Some((s.member_id, self.specs.get(host)?.name.as_str())))
            .collect();
        let labels = |member: &str, kind: &str| self.labels(&[("member", member), ("alarm", kind)]);
        for name in names.values() {
            for kind in ALARMS {
                samples.insert((Series::Alarm, labels(name, kind)), 0);
            }
        }
        for alarm in self.serving().flat_map(|(_, s)| &s.alarms) {
            let listed = || self.listed(alarm.member_id);
            let known = names.get(&alarm.member_id).map(|name| (*name).to_owned());
            let member = known
                .or_else(listed)
                .unwrap_or_else(|| format!("{:x}", alarm.member_id));
            samples.insert((Series::Alarm, labels(&member, &alarm.kind)), 1);
        }
    }

    /// The name of a member that gave no answer, by those that did.
    fn listed(&self, id: u64) -> Option<String> {
        let lists = self.serving().filter_map(|(_, s)| s.members.as_ref());
        let member = lists.flatten().find(|m| m.id == id && !m.name.is_empty());
        member.map(|m| m.name.clone())
    }
}

fn count(of: usize) -> i128 {
    i128::try_from(of).unwrap_or(i128::MAX)
}

fn text(samples: &Samples) -> String {
    let mut out = String::new();
    let mut last = None;
    for ((series, labels), value) in samples {
        let (name, help) = series.text();
        if last.replace(*series) != Some(*series) {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        }
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let _ = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
    }
    out
}

/// A label's value, as the text format has it.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
