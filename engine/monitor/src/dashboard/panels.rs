//! The panels: a table of rows, laid out on Grafana's grid.

use serde_json::json;

use super::model::{
    Datasource, Defaults, FieldConfig, GridPos, Panel, Target, Threshold, Thresholds,
};

const WIDTH: u32 = 24;
/// Labels of the members that are chosen.
const CHOSEN: &str = "cluster=\"$cluster\", member=~\"$member\"";

/// What a panel shows; its queries with their legends. In a query `@` stands for the members that are chosen, `[@]` for the time that a
/// rate is taken over.
struct Shown {
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    look: Look,
    queries: &'static [(&'static str, &'static str)],
}

enum Look {
    /// One number; the threshold below (or above) which it is bad.
    Number(Bad),
    /// Lines over time.
    Lines,
}

enum Bad {
    Below(f64),
    Above(f64),
}

const fn lines(
    title: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Shown {
    Shown {
        title,
        description: "",
        unit,
        look: Look::Lines,
        queries,
    }
}

const fn number(
    title: &'static str,
    unit: &'static str,
    bad: Bad,
    queries: &'static [(&'static str, &'static str)],
) -> Shown {
    Shown {
        title,
        description: "",
        unit,
        look: Look::Number(bad),
        queries,
    }
}

const fn told(shown: Shown, description: &'static str) -> Shown {
    Shown {
        description,
        ..shown
    }
}

const ROWS: &[(&str, &[Shown])] = &[
    (
        "Health",
        &[
            told(
                number(
                    "Members that answer",
                    "none",
                    Bad::Below(1.0),
                    &[("sum(up{cluster=\"$cluster\"})", "")],
                ),
                "Quorum is more than half of all members.",
            ),
            number(
                "Members",
                "none",
                Bad::Below(1.0),
                &[("count(up{cluster=\"$cluster\"})", "")],
            ),
            told(
                number(
                    "Leaders",
                    "none",
                    Bad::Above(1.5),
                    &[("sum(etcd_server_is_leader{cluster=\"$cluster\"})", "")],
                ),
                "0: nothing can be written. More than 1 for minutes: these members are no longer one cluster.",
            ),
            number(
                "Changes of the leader in an hour",
                "none",
                Bad::Above(3.0),
                &[(
                    "max(increase(etcd_server_leader_changes_seen_total{cluster=\"$cluster\"}[1h]))",
                    "",
                )],
            ),
            number(
                "Quota used",
                "percentunit",
                Bad::Above(0.8),
                &[(
                    "max(etcd_mvcc_db_total_size_in_bytes{cluster=\"$cluster\"} / (etcd_server_quota_backend_bytes{cluster=\"$cluster\"} > 0))",
                    "",
                )],
            ),
            number(
                "Alarms",
                "none",
                Bad::Above(0.5),
                &[(
                    "count(ALERTS{cluster=\"$cluster\", alertstate=\"firing\"}) or vector(0)",
                    "",
                )],
            ),
        ],
    ),
    (
        "Members",
        &[
            lines(
                "Leader",
                "none",
                &[("etcd_server_is_leader{@}", "{{member}}")],
            ),
            lines(
                "Has a leader",
                "none",
                &[("etcd_server_has_leader{@}", "{{member}}")],
            ),
            lines(
                "Versions",
                "none",
                &[(
                    "count by (server_version) (etcd_server_version{@})",
                    "{{server_version}}",
                )],
            ),
        ],
    ),
    (
        "Database",
        &[
            told(
                lines(
                    "Database size",
                    "bytes",
                    &[
                        ("etcd_mvcc_db_total_size_in_bytes{@}", "{{member}} file"),
                        (
                            "etcd_mvcc_db_total_size_in_use_in_bytes{@}",
                            "{{member}} in use",
                        ),
                        (
                            "max(etcd_server_quota_backend_bytes{cluster=\"$cluster\"} > 0)",
                            "quota",
                        ),
                    ],
                ),
                "What lies between file and in use is given back by defragmenting.",
            ),
            lines(
                "Keys and revisions",
                "short",
                &[
                    ("etcd_debugging_mvcc_keys_total{@}", "{{member}} keys"),
                    (
                        "etcd_debugging_mvcc_current_revision{@} - etcd_debugging_mvcc_compact_revision{@}",
                        "{{member}} revisions kept",
                    ),
                ],
            ),
            lines(
                "Puts and deletes",
                "ops",
                &[
                    ("rate(etcd_mvcc_put_total{@}[@])", "{{member}} puts"),
                    ("rate(etcd_mvcc_delete_total{@}[@])", "{{member}} deletes"),
                ],
            ),
        ],
    ),
    (
        "What runbook status saw",
        &[
            told(
                lines(
                    "Certificates end in",
                    "s",
                    &[(
                        "clamp_min(runbook_etcd_certificate_not_after_timestamp_seconds{cluster=\"$cluster\"} - time(), 0)",
                        "{{member}} {{certificate}}",
                    )],
                ),
                "0: it has ended. From the timer that runs `runbook status --format prometheus`; empty where there is none.",
            ),
            lines(
                "Alarms of members",
                "none",
                &[("runbook_etcd_alarm{@}", "{{member}} {{alarm}}")],
            ),
            lines(
                "Age of the look",
                "s",
                &[(
                    "time() - max(runbook_etcd_status_timestamp_seconds{cluster=\"$cluster\"})",
                    "",
                )],
            ),
        ],
    ),
    (
        "Disk",
        &[
            told(
                lines(
                    "WAL fsync latency, P99",
                    "s",
                    &[(
                        "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket{@}[@]))",
                        "{{member}}",
                    )],
                ),
                "Below 10 ms on a fit disk.",
            ),
            told(
                lines(
                    "Database commit latency, P99",
                    "s",
                    &[(
                        "histogram_quantile(0.99, rate(etcd_disk_backend_commit_duration_seconds_bucket{@}[@]))",
                        "{{member}}",
                    )],
                ),
                "Below 25 ms on a fit disk.",
            ),
            lines(
                "Slow applies",
                "ops",
                &[("rate(etcd_server_slow_apply_total{@}[@])", "{{member}}")],
            ),
        ],
    ),
    (
        "Raft and peers",
        &[
            lines(
                "Peer round trip, P99",
                "s",
                &[(
                    "histogram_quantile(0.99, rate(etcd_network_peer_round_trip_time_seconds_bucket{@}[@]))",
                    "{{member}} to {{To}}",
                )],
            ),
            lines(
                "Proposals",
                "ops",
                &[
                    (
                        "rate(etcd_server_proposals_committed_total{@}[@])",
                        "{{member}} committed",
                    ),
                    (
                        "rate(etcd_server_proposals_applied_total{@}[@])",
                        "{{member}} applied",
                    ),
                    (
                        "rate(etcd_server_proposals_failed_total{@}[@])",
                        "{{member}} failed",
                    ),
                ],
            ),
            lines(
                "Proposals pending",
                "short",
                &[("etcd_server_proposals_pending{@}", "{{member}}")],
            ),
            lines(
                "Peer traffic",
                "Bps",
                &[
                    (
                        "sum by (member) (rate(etcd_network_peer_sent_bytes_total{@}[@]))",
                        "{{member}} sent",
                    ),
                    (
                        "sum by (member) (rate(etcd_network_peer_received_bytes_total{@}[@]))",
                        "{{member}} received",
                    ),
                ],
            ),
        ],
    ),
    (
        "Requests and process",
        &[
            lines(
                "Requests",
                "reqps",
                &[(
                    "sum by (grpc_method) (rate(grpc_server_handled_total{@, grpc_type=\"unary\"}[@])) > 0",
                    "{{grpc_method}}",
                )],
            ),
            lines(
                "Failed requests",
                "reqps",
                &[(
                    "sum by (grpc_method, grpc_code) (rate(grpc_server_handled_total{@, grpc_type=\"unary\", grpc_code!=\"OK\"}[@])) > 0",
                    "{{grpc_method}} {{grpc_code}}",
                )],
            ),
            lines(
                "Watch streams",
                "short",
                &[(
                    "sum by (member) (grpc_server_started_total{@, grpc_service=\"etcdserverpb.Watch\"}) - sum by (member) (grpc_server_handled_total{@, grpc_service=\"etcdserverpb.Watch\"})",
                    "{{member}}",
                )],
            ),
            lines(
                "Memory",
                "bytes",
                &[("process_resident_memory_bytes{@}", "{{member}}")],
            ),
            lines(
                "CPU",
                "none",
                &[("rate(process_cpu_seconds_total{@}[@])", "{{member}}")],
            ),
            lines(
                "Client traffic",
                "Bps",
                &[
                    (
                        "rate(etcd_network_client_grpc_sent_bytes_total{@}[@])",
                        "{{member}} sent",
                    ),
                    (
                        "rate(etcd_network_client_grpc_received_bytes_total{@}[@])",
                        "{{member}} received",
                    ),
                ],
            ),
        ],
    ),
];

/// Rows from top to bottom, their panels from left to right.
pub(super) fn panels() -> Vec<Panel> {
    let mut all = Vec::new();
    let mut y = 0;
    for (title, shown) in ROWS {
        all.push(row(all.len(), title, y));
        y += 1;
        let mut x = 0;
        let mut height = 0;
        for shown in *shown {
            let (w, h) = match shown.look {
                Look::Number(_) => (4, 4),
                Look::Lines => (8, 8),
            };
            if x + w > WIDTH {
                (x, y) = (0, y + height);
            }
            all.push(panel(all.len(), shown, GridPos { h, w, x, y }));
            x += w;
            height = h;
        }
        y += height;
    }
    all
}

fn id(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

fn row(before: usize, title: &'static str, y: u32) -> Panel {
    Panel {
        id: id(before),
        r#type: "row",
        title,
        description: "",
        grid_pos: GridPos {
            h: 1,
            w: WIDTH,
            x: 0,
            y,
        },
        datasource: None,
        targets: Vec::new(),
        field_config: None,
        options: None,
        collapsed: Some(false),
        panels: Some([]),
    }
}

fn panel(before: usize, shown: &Shown, grid_pos: GridPos) -> Panel {
    let (r#type, options, thresholds) = match &shown.look {
        Look::Number(bad) => ("stat", number_options(), Some(thresholds(bad))),
        Look::Lines => ("timeseries", lines_options(), None),
    };
    let target = |(index, (expr, legend)): (u8, &(&'static str, &'static str))| Target {
        ref_id: char::from(b'A' + index).to_string(),
        datasource: Datasource::CHOSEN,
        editor_mode: "code",
        range: true,
        expr: expr
            .replace("[@]", "[$__rate_interval]")
            .replace('@', CHOSEN),
        legend_format: legend,
    };
    Panel {
        id: id(before),
        r#type,
        title: shown.title,
        description: shown.description,
        grid_pos,
        datasource: Some(Datasource::CHOSEN),
        targets: (0..).zip(shown.queries).map(target).collect(),
        field_config: Some(FieldConfig {
            defaults: Defaults {
                unit: shown.unit,
                min: Some(0),
                thresholds,
            },
            overrides: [],
        }),
        options: Some(options),
        collapsed: None,
        panels: None,
    }
}

fn thresholds(bad: &Bad) -> Thresholds {
    let (low, high, at) = match bad {
        Bad::Below(at) => ("red", "green", *at),
        Bad::Above(at) => ("green", "red", *at),
    };
    let step = |color, value| Threshold { color, value };
    Thresholds {
        mode: "absolute",
        steps: vec![step(low, None), step(high, Some(at))],
    }
}

fn number_options() -> serde_json::Value {
    json!({
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
        "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "auto", "orientation": "auto",
    })
}

fn lines_options() -> serde_json::Value {
    json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}
