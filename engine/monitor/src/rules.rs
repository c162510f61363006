//! Alert rules, as Prometheus reads them.

use serde::Serialize;

use crate::alert::{ALERTS, Alert};
use crate::promql::{literal, string};
use crate::target::Cluster;

/// `etcd.rules.yml`.
#[derive(Debug, Serialize)]
pub(crate) struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Rule {
    alert: &'static str,
    expr: String,
    r#for: &'static str,
    labels: Labels,
    annotations: Annotations,
}

#[derive(Debug, Serialize)]
struct Labels {
    severity: &'static str,
    /// Said where the expression keeps no label to say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

#[derive(Debug, Serialize)]
struct Annotations {
    summary: &'static str,
    description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<String>,
    runbook_command: String,
}

/// One group a cluster.
pub(crate) fn groups(clusters: &[Cluster], inventory: &str) -> Groups {
    let of = |cluster: &Cluster| Group {
        name: cluster.job(),
        rules: ALERTS
            .iter()
            .map(|alert| rule(alert, cluster, inventory))
            .collect(),
    };
    Groups {
        groups: clusters.iter().map(of).collect(),
    }
}

fn rule(alert: &Alert, cluster: &Cluster, inventory: &str) -> Rule {
    Rule {
        alert: alert.name,
        expr: alert.expression(&selector(alert, cluster)),
        r#for: alert.r#for,
        labels: Labels {
            severity: alert.severity.name(),
            cluster: alert
                .expr
                .starts_with("absent")
                .then(|| literal(&cluster.name)),
        },
        annotations: Annotations {
            summary: alert.summary,
            description: alert.description,
            runbook: alert.answer.runbook(),
            runbook_command: alert.answer.command(inventory, cluster),
        },
    }
}

/// The members are a job's targets; what `runbook status` saw comes from whichever job collects its file.
fn selector(alert: &Alert, cluster: &Cluster) -> String {
    if alert.is_of_status() {
        format!("cluster={}", string(&cluster.name))
    } else {
        format!("job={}", string(&cluster.job()))
    }
}
