//! What answers an alert: a look at the cluster, or a shipped runbook.

use crate::promql::literal;

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
    const fn parameters(self) -> &'static str {
        match self {
            Runbook::Replace => " -e failed={{ $labels.member }} -e by={{ $labels.member }}",
            Runbook::RecoverMajority => " -e to=survivor.db",
            Runbook::Maintain => " -e to=backup.db",
            Runbook::RecoverNospace => " -e to=full.db",
            Runbook::Preflight | Runbook::RotateAuthority | Runbook::RotateCerts => "",
        }
    }
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

    /// The command, as a template of Prometheus. `given` is ` -i INV` as a shell reads it, `group` the members' group.
    pub(crate) fn command(self, given: &str, group: &str) -> String {
        let inventory = literal(given);
        match self {
            Answer::Status if group == "etcd" => format!("runbook status{inventory}"),
            Answer::Status => format!("runbook status{inventory} --group {}", literal(group)),
            // `-C`: what is pasted in the night shows what it would do, and does nothing.
            Answer::Exec(runbook) => {
                let (name, parameters) = (runbook.name(), runbook.parameters());
                format!("runbook exec {name}{inventory}{parameters} -C")
            }
            Answer::Alarm => {
                let of = |answer: Answer| answer.command(given, group);
                by_alarm(
                    &of(Answer::Exec(Runbook::RecoverNospace)),
                    &of(Answer::Status),
                )
            }
        }
    }
}

/// CORRUPT is never disarmed: it wants eyes.
fn by_alarm(nospace: &str, other: &str) -> String {
    format!("{{{{ if eq $labels.alarm \"NOSPACE\" }}}}{nospace}{{{{ else }}}}{other}{{{{ end }}}}")
}
