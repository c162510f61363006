//! Grafana's dashboard.

mod model;
mod panels;

pub(crate) use model::Dashboard;

use model::{Annotations, Datasource, Range, Templating, Variable};
use panels::panels;

/// Clusters and members are chosen in Grafana, so that one dashboard serves every inventory.
pub(crate) fn dashboard(mark: &str) -> Dashboard {
    Dashboard {
        title: "etcd",
        description: format!("{mark}. Changes here are lost when it is written again."),
        uid: "runbook-etcd",
        tags: ["etcd", "runbook"],
        schema_version: 38,
        version: 1,
        editable: true,
        graph_tooltip: 1,
        refresh: "30s",
        timezone: "",
        time: Range {
            from: "now-3h",
            to: "now",
        },
        annotations: Annotations { list: [] },
        templating: Templating {
            list: vec![
                source(),
                choice(
                    "cluster",
                    "label_values(up{job=~\"etcd|etcd-.+\"}, cluster)",
                    false,
                ),
                choice(
                    "member",
                    "label_values(up{cluster=\"$cluster\"}, member)",
                    true,
                ),
            ],
        },
        panels: panels(),
    }
}

fn source() -> Variable {
    Variable {
        name: "datasource",
        label: "Prometheus",
        r#type: "datasource",
        query: "prometheus",
        datasource: None,
        refresh: 1,
        sort: 0,
        multi: false,
        include_all: false,
        all_value: None,
    }
}

fn choice(name: &'static str, query: &'static str, all: bool) -> Variable {
    Variable {
        name,
        label: name,
        r#type: "query",
        query,
        datasource: Some(Datasource::CHOSEN),
        // When the range of time changes: members come and go.
        refresh: 2,
        sort: 1,
        multi: all,
        include_all: all,
        all_value: all.then_some(".+"),
    }
}
