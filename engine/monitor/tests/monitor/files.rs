//! Targets, texts, and values that are only values.

use runbook_model::host::{HostName, Scheme};
use runbook_monitor::{DASHBOARD, MonitorError, Note, PROMETHEUS, RULES, TlsFiles, is_ours, watch};
use serde_json::{Value, json};

use crate::support::{files, promtool, spec, text, three, value, watched, write};

#[test]
fn a_cluster_is_a_job_and_a_member_is_a_target() {
    let config = value(&text(&watched(three()), PROMETHEUS));
    assert_eq!(config["rule_files"], json!([RULES]));
    assert_eq!(config["global"]["scrape_interval"], "15s");
    let job = &config["scrape_configs"][0];
    assert_eq!(job["job_name"], "etcd");
    assert_eq!(job["scheme"], "https");
    assert_eq!(
        job["tls_config"],
        json!({
            "ca_file": "/etc/prometheus/etcd-ca.crt",
            "cert_file": "/etc/prometheus/etcd-client.crt",
            "key_file": "/etc/prometheus/etcd-client.key",
        })
    );
    assert_eq!(
        job["static_configs"][1],
        json!({ "targets": ["192.0.2.12:2379"], "labels": { "cluster": "etcd", "member": "etcd2" } })
    );
    assert_eq!(job["static_configs"].as_array().unwrap().len(), 3);
}

#[test]
fn several_clusters_are_told_apart() {
    let mut all = watched(three());
    let events = vec![spec("ev1", "events", "2001:db8::1")];
    all.groups.push(("events".to_owned(), events));
    // Who stands in two groups is scraped once.
    all.groups.push(("again".to_owned(), three()));
    let config = value(&text(&all, PROMETHEUS));
    let jobs = config["scrape_configs"].as_array().unwrap();
    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[1]["job_name"], "etcd-events");
    assert_eq!(
        jobs[1]["static_configs"][0]["targets"],
        json!(["[2001:db8::1]:2379"])
    );
    assert_eq!(
        jobs[1]["tls_config"]["key_file"],
        "/etc/prometheus/etcd-events-client.key"
    );
    let rules = value(&text(&all, RULES));
    let status = &rules["groups"][1]["rules"][1]["annotations"]["runbook_command"];
    assert_eq!(status, "runbook status -i prod.inv --group events");
    let certificates = command(&rules["groups"][1], "EtcdCertificateExpires");
    assert_eq!(
        certificates,
        "runbook view rotate-certs.etcdrb | sed 's/group(etcd)/group(events)/' >events-rotate-certs.etcdrb && runbook exec events-rotate-certs.etcdrb -i prod.inv -C"
    );
    let certificates = command(&rules["groups"][0], "EtcdCertificateExpires");
    assert_eq!(
        certificates,
        "runbook exec rotate-certs.etcdrb -i prod.inv -C"
    );
    // One name for two members is no label.
    all.groups = vec![
        ("a".into(), vec![spec("h1", "x", "h1")]),
        ("b".into(), vec![spec("h2", "x", "h2")]),
    ];
    all.groups[1].1[0].name = "h1".into();
    assert!(matches!(watch(&all), Err(MonitorError::SameMember { .. })));
}

fn command<'a>(group: &'a Value, alert: &str) -> &'a str {
    let rules = group["rules"].as_array().unwrap();
    let rule = rules.iter().find(|r| r["alert"] == alert).unwrap();
    rule["annotations"]["runbook_command"].as_str().unwrap()
}

/// Two clusters in one group: what is typed for one must not reach the other.
#[test]
fn of_a_shared_group_the_hosts_are_named() {
    let mut specs = three();
    specs[2].cluster = "other".to_owned();
    let rules = value(&text(&watched(specs), RULES));
    let no_leader = |at: usize| command(&rules["groups"][at], "EtcdNoLeader");
    assert_eq!(no_leader(0), "runbook status -i prod.inv -l etcd1,etcd2");
    assert_eq!(no_leader(1), "runbook status -i prod.inv -l etcd3");
    let full = command(&rules["groups"][1], "EtcdNoSpace");
    assert_eq!(
        full,
        "runbook exec recover-nospace.etcdrb -i prod.inv -l etcd3 -e to=full.db -C"
    );
}

/// `member` is a host; a member may have a name of its own.
#[test]
fn a_member_is_replaced_by_its_hosts_name() {
    let mut specs = three();
    specs[0].name = "m\"1".to_owned();
    specs[1].host = HostName::new("db '2' {{");
    let dir = tempfile::tempdir().unwrap();
    write(&watched(specs), dir.path());
    let fires = |member: &str, host: &str| {
        let labels = json!({
            "severity": "warning", "job": "etcd", "cluster": "etcd", "member": member, "instance": "x",
        });
        let exp = json!({
            "summary": "an etcd member does not answer",
            "description": format!("Cluster etcd: member {member} (x) does not answer. The cluster can lose fewer members than it should."),
            "runbook": "replace.etcdrb",
            "runbook_command": format!("runbook exec replace.etcdrb -i prod.inv -e member={host} -C"),
        });
        json!({
            "interval": "1m",
            "input_series": [{
                "series": format!("up{{job=\"etcd\",cluster=\"etcd\",member={member:?},instance=\"x\"}}"),
                "values": "0x10",
            }],
            "alert_rule_test": [{
                "eval_time": "5m",
                "alertname": "EtcdMemberDown",
                "exp_alerts": [{ "exp_labels": labels, "exp_annotations": exp }],
            }],
        })
    };
    let test = json!({
        "rule_files": [RULES],
        "evaluation_interval": "1m",
        "tests": [
            fires("m\"1", "etcd1"),
            fires("etcd2", "'db '\\''2'\\'' {{'"),
            fires("etcd3", "etcd3"),
        ],
    });
    std::fs::write(dir.path().join("test.yml"), test.to_string()).unwrap();
    promtool(dir.path(), &["test", "rules", "test.yml"]);
}

#[test]
fn a_listener_for_metrics_is_asked_where_it_can_be_reached() {
    let with = |urls: &str| {
        let mut specs = three();
        specs[0].extra = vec![("ETCD_LISTEN_METRICS_URLS".to_owned(), urls.to_owned())];
        let (files, notes) = watch(&watched(specs))?;
        let config = value(&files[0].text);
        Ok::<_, MonitorError>((config["scrape_configs"][0].clone(), notes))
    };
    for (urls, target) in [
        ("http://0.0.0.0:2381", "192.0.2.11:2381"),
        (
            "http://127.0.0.1:2381, http://192.0.2.77:9000/",
            "192.0.2.77:9000",
        ),
        ("http://[::]:2381", "192.0.2.11:2381"),
        ("http://metrics.example:2381", "metrics.example:2381"),
    ] {
        let (job, notes) = with(urls).unwrap();
        assert_eq!(job["scheme"], "http", "{urls}");
        assert_eq!(job["static_configs"][0]["targets"], json!([target]));
        // The others are on their client ports, which speak TLS.
        assert_eq!(job["static_configs"][1]["labels"]["__scheme__"], "https");
        assert!(job["tls_config"].is_object());
        assert!(notes.is_empty());
    }
    let (job, notes) = with("http://localhost:2381").unwrap();
    assert_eq!(
        job["static_configs"][0]["targets"],
        json!(["192.0.2.11:2379"])
    );
    assert!(matches!(&notes[..], [Note::MetricsOnLoopback { .. }]));
    for bad in [
        "2381",
        "http://",
        "http://a b:1",
        "http://h:99999",
        "unix://x:1",
    ] {
        assert!(
            matches!(with(bad), Err(MonitorError::MetricsUrl { .. })),
            "{bad}"
        );
    }
}

#[test]
fn plain_text_needs_no_certificates() {
    let mut specs = three();
    for spec in &mut specs {
        spec.scheme = Scheme::Http;
    }
    let config = value(&text(&watched(specs), PROMETHEUS));
    assert_eq!(config["scrape_configs"][0]["scheme"], "http");
    assert_eq!(config["scrape_configs"][0]["tls_config"], Value::Null);
}

#[test]
fn nobody_to_watch_is_an_error() {
    assert!(matches!(
        watch(&watched(Vec::new())),
        Err(MonitorError::NoMembers)
    ));
}

#[test]
fn the_same_members_give_the_same_bytes_and_each_says_whose_it_is() {
    let all = watched(three());
    assert_eq!(files(&all), files(&all));
    for file in files(&all) {
        assert!(is_ours(&file.text), "{}", file.name);
    }
    assert!(!is_ours("scrape_configs: []\n"));
    let names: Vec<_> = files(&all).iter().map(|f| f.name).collect();
    assert_eq!(names, [PROMETHEUS, RULES, DASHBOARD]);
}

/// Values that would be something else in YAML, PromQL or a template, if they were spliced.
#[test]
fn hostile_values_stay_values() {
    let hostile = [
        "a: b",
        "yes",
        "0x1F",
        "- x\n- y",
        "'\"}} {{ $labels.job }} # x",
        "e\"} or vector(1) > 0 #",
        "\u{1b}[31m\u{7}\u{85}\u{2028}é日本",
        "!!python/object:x",
        "1_000",
        "&a *a",
        "~",
        "",
        " lead and trail ",
        "a\\\"b\\n",
    ];
    for word in hostile {
        let mut specs = three();
        for (n, spec) in specs.iter_mut().enumerate() {
            spec.cluster = word.to_owned();
            spec.name = format!("{word}{n}");
        }
        let mut all = watched(specs);
        all.inventory = format!(" -i '{word}'");
        all.tls = TlsFiles {
            ca: Some(word.to_owned()),
            cert: None,
            // Prometheus wants a key beside a certificate.
            key: Some(format!("key {word}")),
        };
        let config = value(&text(&all, PROMETHEUS));
        let job = &config["scrape_configs"][0];
        assert_eq!(job["tls_config"]["ca_file"], word);
        assert_eq!(job["static_configs"][0]["labels"]["cluster"], word);
        assert_eq!(
            job["static_configs"][0]["labels"]["member"],
            format!("{word}0")
        );
        let dir = tempfile::tempdir().unwrap();
        write(&all, dir.path());
        promtool(dir.path(), &["check", "rules", RULES]);
        promtool(
            dir.path(),
            &["check", "config", "--syntax-only", PROMETHEUS],
        );
        // Prometheus reads the very same values.
        let job = job["job_name"].as_str().unwrap();
        let arguments = [
            "check",
            "service-discovery",
            "--timeout=300ms",
            PROMETHEUS,
            job,
        ];
        let found: Value = serde_json::from_str(&promtool(dir.path(), &arguments)).unwrap();
        let found = found.as_array().unwrap();
        assert_eq!(found.len(), 3, "{word}");
        for target in found {
            // An empty label is none.
            let cluster = target["labels"]["cluster"].as_str().unwrap_or_default();
            assert_eq!(cluster, word);
            assert!(
                target["labels"]["member"]
                    .as_str()
                    .unwrap()
                    .starts_with(word)
            );
        }
    }
}

/// The command of an alert comes out of Prometheus' templates as it went in.
#[test]
fn braces_in_a_path_are_no_template() {
    let mut all = watched(three());
    all.inventory = " -i 'a{{ .Value }}{{{b.inv'".to_owned();
    let dir = tempfile::tempdir().unwrap();
    write(&all, dir.path());
    let test = json!({
        "rule_files": [RULES],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [{
                "series": "up{job=\"etcd\",cluster=\"etcd\",member=\"etcd1\",instance=\"192.0.2.11:2379\"}",
                "values": "0x10",
            }],
            "alert_rule_test": [{
                "eval_time": "5m",
                "alertname": "EtcdMemberDown",
                "exp_alerts": [{
                    "exp_labels": {
                        "severity": "warning", "job": "etcd", "cluster": "etcd", "member": "etcd1",
                        "instance": "192.0.2.11:2379",
                    },
                    "exp_annotations": {
                        "summary": "an etcd member does not answer",
                        "description": "Cluster etcd: member etcd1 (192.0.2.11:2379) does not answer. The cluster can lose fewer members than it should.",
                        "runbook": "replace.etcdrb",
                        "runbook_command": "runbook exec replace.etcdrb -i 'a{{ .Value }}{{{b.inv' -e member=etcd1 -C",
                    },
                }],
            }],
        }],
    });
    std::fs::write(dir.path().join("test.yml"), test.to_string()).unwrap();
    promtool(dir.path(), &["test", "rules", "test.yml"]);
}
