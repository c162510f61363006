//! What answers an alert: a look at the cluster, or a shipped runbook.

use runbook_model::shell::word;

use crate::promql::{literal, string};
use crate::target::{Cluster, Target};

/// Shipped runbooks that an alert may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runbook {
    /// Compact and defragment, one member at a time.
    Maintain,
    /// Probes hosts: disks, clocks, links.
    Preflight,
    /// One voter is left of a cluster that lost its majority.
    RecoverMajority,
    /// The NOSPACE alarm is set.
    RecoverNospace,
    /// One member is lost, or its data is.
    Replace,
    /// The authority ends.
    RotateAuthority,
    /// Certificates end.
    RotateCerts,
}

/// Every runbook that an alert may name: each must be a shipped one.
pub const RUNBOOKS: [Runbook; 7] = [
    Runbook::Maintain,
    Runbook::Preflight,
    Runbook::RecoverMajority,
    Runbook::RecoverNospace,
    Runbook::Replace,
    Runbook::RotateAuthority,
    Runbook::RotateCerts,
];

impl Runbook {
    /// As `runbook exec` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Runbook::Maintain => "maintain.etcdrb",
            Runbook::Preflight => "preflight.etcdrb",
            Runbook::RecoverMajority => "recover-majority.etcdrb",
            Runbook::RecoverNospace => "recover-nospace.etcdrb",
            Runbook::Replace => "replace.etcdrb",
            Runbook::RotateAuthority => "rotate-authority.etcdrb",
            Runbook::RotateCerts => "rotate-certs.etcdrb",
        }
    }

    /// Parameters that it needs, as an alert's template fills them; a word in capitals is the operator's to fill in.
    fn parameters(self, cluster: &Cluster) -> String {
        match self {
            Runbook::Replace => format!(" -e member={}", host(cluster)),
            Runbook::RecoverMajority => " -e to=survivor.db".to_owned(),
            Runbook::Maintain => " -e to=backup.db".to_owned(),
            Runbook::RecoverNospace => " -e to=full.db".to_owned(),
            Runbook::Preflight | Runbook::RotateAuthority | Runbook::RotateCerts => String::new(),
        }
    }
}

/// The host of the member that an alert is of: parameters are hosts.
fn host(cluster: &Cluster) -> String {
    let same = |t: &Target| t.host.as_str() == t.member && word(&t.member) == t.member;
    if cluster.targets.iter().all(same) {
        return "{{ $labels.member }}".to_owned();
    }
    let of = |target: &Target| {
        let (member, host) = (string(&target.member), word(target.host.as_str()));
        format!("if eq $labels.member {member} }}}}{}{{{{ ", literal(&host))
    };
    let all: Vec<_> = cluster.targets.iter().map(of).collect();
    format!("{{{{ {}end }}}}", all.join("else "))
}

/// What to type when an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `runbook status`: the cause is not told by metrics.
    Status,
    /// `runbook exec`, shown as a plan first.
    Exec(Runbook),
    /// What the label `alarm` asks for.
    Alarm,
}

impl Answer {
    /// The runbook's name, as a template of Prometheus.
    pub(crate) fn runbook(self) -> Option<String> {
        match self {
            Answer::Status => None,
            Answer::Exec(runbook) => Some(runbook.name().to_owned()),
            Answer::Alarm => Some(by_alarm(Runbook::RecoverNospace.name(), "")),
        }
    }

    /// The command, as a template of Prometheus. `given` is ` -i INV` as a shell reads it.
    pub(crate) fn command(self, given: &str, cluster: &Cluster) -> String {
        let of = |answer: Answer| answer.command(given, cluster);
        let from = literal(given) + &limit(cluster);
        let group = cluster.group.as_str();
        match self {
            Answer::Status if group == "etcd" => format!("runbook status{from}"),
            Answer::Status => format!("runbook status{from} --group {}", literal(&word(group))),
            // `-C`: what is pasted in the night shows what it would do, and does nothing.
            Answer::Exec(runbook) if group == "etcd" => {
                let (name, parameters) = (runbook.name(), runbook.parameters(cluster));
                format!("runbook exec {name}{from}{parameters} -C")
            }
            // Shipped runbooks are for the group `etcd`, and that may be another cluster.
            Answer::Exec(runbook) if is_name(group) => {
                let (name, parameters) = (runbook.name(), runbook.parameters(cluster));
                let own = format!("{group}-{name}");
                format!(
                    "runbook view {name} | sed 's/group(etcd)/group({group})/' >{own} && runbook exec {own}{from}{parameters} -C"
                )
            }
            Answer::Exec(_) => of(Answer::Status),
            Answer::Alarm => by_alarm(
                &of(Answer::Exec(Runbook::RecoverNospace)),
                &of(Answer::Status),
            ),
        }
    }
}

/// Where others' members are in the group too, the cluster's hosts are named.
fn limit(cluster: &Cluster) -> String {
    if !cluster.shares_group {
        return String::new();
    }
    let hosts: Vec<_> = cluster.targets.iter().map(|t| t.host.as_str()).collect();
    format!(" -l {}", literal(&word(&hosts.join(","))))
}

/// Whether a runbook can name this group.
fn is_name(group: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let begins = group.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && group.chars().all(fit) && !group.ends_with('-') && !group.contains("--")
}

/// CORRUPT is never disarmed: it wants eyes.
fn by_alarm(nospace: &str, other: &str) -> String {
    format!("{{{{ if eq $labels.alarm \"NOSPACE\" }}}}{nospace}{{{{ else }}}}{other}{{{{ end }}}}")
}
