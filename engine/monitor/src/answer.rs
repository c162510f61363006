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
    /// Certificates end.
    RotateCerts,
}

/// Every runbook that an alert may name: each must be a shipped one.
pub const RUNBOOKS: [Runbook; 6] = [
    Runbook::Maintain,
    Runbook::Preflight,
    Runbook::RecoverMajority,
    Runbook::RecoverNospace,
    Runbook::Replace,
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
            Runbook::RotateCerts => "rotate-certs.etcdrb",
        }
    }

    /// Parameters that it needs, as an alert's template fills them; a word in capitals is the operator's to fill in.
    const fn parameters(self) -> &'static str {
        match self {
            Runbook::Replace => " -e member={{ $labels.member }}",
            Runbook::RecoverMajority => " -e to=survivor.db",
            Runbook::Maintain => " -e to=backup.db",
            Runbook::RecoverNospace => " -e to=full.db",
            Runbook::Preflight | Runbook::RotateCerts => "",
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
}

impl Answer {
    /// The command, as a template of Prometheus. `inventory` is ` -i INV` as a shell reads it, `group` the members' group.
    pub(crate) fn command(self, inventory: &str, group: &str) -> String {
        let inventory = literal(inventory);
        match self {
            Answer::Status if group == "etcd" => format!("runbook status{inventory}"),
            Answer::Status => format!("runbook status{inventory} --group {}", literal(group)),
            // `-C`: what is pasted in the night shows what it would do, and does nothing.
            Answer::Exec(runbook) => {
                let (name, parameters) = (runbook.name(), runbook.parameters());
                format!("runbook exec {name}{inventory}{parameters} -C")
            }
        }
    }
}
