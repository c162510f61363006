//! Each alert fires where it should and is silent where it should be, in Prometheus' own evaluation.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use runbook_monitor::{ALERTS, Alert, Answer, RULES, RUNBOOKS, Series};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{promtool, text, three, value, watched, write};

/// Values by series, as `alerts.yml` writes them.
type World = BTreeMap<String, Value>;

/// `alerts.yml`.
#[derive(Deserialize)]
struct Worlds {
    cases: Vec<Case>,
    healthy: World,
}

/// One alert in two worlds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    alert: String,
    severity: Option<String>,
    #[serde(default = "once")]
    fires: usize,
    silent: u32,
    at: u32,
    sick: World,
    well: World,
}

fn once() -> usize {
    1
}

impl Case {
    fn is_of(&self, alert: &Alert) -> bool {
        let severity = self.severity.as_deref();
        self.alert == alert.name && severity.is_none_or(|s| s == alert.severity.name())
    }

    fn alert(&self) -> &'static Alert {
        let mut of = ALERTS.iter().filter(|alert| self.is_of(alert));
        let alert = of.next().unwrap_or_else(|| panic!("no {}", self.alert));
        assert!(of.next().is_none(), "{}: of which severity?", self.alert);
        alert
    }

    /// The series of Prometheus' that tells that the alert fires.
    fn firing(&self, more: &str) -> String {
        let (name, severity) = (&self.alert, self.alert().severity.name());
        format!(
            "count(ALERTS{{alertname=\"{name}\", severity=\"{severity}\", alertstate=\"firing\"{more}}})"
        )
    }
}

fn worlds() -> Worlds {
    serde_saphyr::from_str(include_str!("alerts.yml")).unwrap()
}

/// A series of member `n`: `name` or `name{labels}` with the labels of its target.
fn labelled(n: &str, name: &str) -> String {
    if name.contains("job=") {
        return name.to_owned();
    }
    let mut target = match name.starts_with("runbook_") {
        true => "job=\"node\",instance=\"control:9100\",cluster=\"etcd\"".to_owned(),
        false => format!("job=\"etcd\",instance=\"192.0.2.1{n}:2379\",cluster=\"etcd\""),
    };
    if n != "0" {
        write!(target, ",member=\"etcd{n}\"").unwrap();
    }
    match name.strip_suffix('}') {
        Some(open) => format!("{open},{target}}}"),
        None => format!("{name}{{{target}}}"),
    }
}

/// What promtool's test file takes for a key and its values.
fn series(key: &str, values: &Value) -> Vec<Value> {
    let (n, name) = key.split_once(' ').unwrap();
    let values = values.as_str().map_or(values.to_string(), str::to_owned);
    let one = |name: &str, values: &str| {
        let values = match values.contains(['x', ' ']) {
            true => values.to_owned(),
            false => format!("{values}x400"),
        };
        json!({ "series": labelled(n, name), "values": values })
    };
    if !values.contains(", ") {
        return vec![one(name, &values)];
    }
    let (metric, labels) = name.split_once('{').unwrap_or((name, "}"));
    let buckets = values.split(", ").map(|bucket| {
        let (count, le) = bucket.split_once(" in ").unwrap_or((bucket, "+Inf"));
        let labels = format!("{{le=\"{le}\",{labels}").replace(",}", "}");
        one(&format!("{metric}_bucket{labels}"), &format!("0+{count}"))
    });
    buckets.collect()
}

fn all_series(world: &World) -> Vec<Value> {
    world.iter().flat_map(|(k, v)| series(k, v)).collect()
}

/// Promtool counts the alerts that fire at some minutes.
fn test(world: &World, expr: &str, at: &[(u32, usize)]) -> Value {
    let expected = |(minute, count): &(u32, usize)| {
        let samples = match count {
            0 => json!([]),
            n => json!([{ "labels": "{}", "value": n }]),
        };
        json!({ "expr": expr, "eval_time": format!("{minute}m"), "exp_samples": samples })
    };
    json!({
        "interval": "1m",
        "input_series": all_series(world),
        "promql_expr_test": at.iter().map(expected).collect::<Vec<_>>(),
    })
}

fn run(tests: &[Value]) {
    let dir = tempfile::tempdir().unwrap();
    write(&watched(three()), dir.path());
    let file = json!({ "rule_files": [RULES], "evaluation_interval": "1m", "tests": tests });
    std::fs::write(dir.path().join("test.yml"), file.to_string()).unwrap();
    promtool(dir.path(), &["check", "rules", RULES]);
    promtool(dir.path(), &["test", "rules", "test.yml"]);
}

#[test]
fn each_alert_fires_where_it_should() {
    let sick = |case: &Case| {
        let at = [
            (case.silent, 0),
            (case.at, case.fires),
            (case.at + 10, case.fires),
        ];
        test(&case.sick, &case.firing(""), &at)
    };
    run(&worlds().cases.iter().map(sick).collect::<Vec<_>>());
}

#[test]
fn each_alert_is_silent_where_it_should_be() {
    let every: Vec<_> = (0..26).map(|n| (n * 5, 0)).collect();
    let well = |case: &Case| test(&case.well, &case.firing(""), &every);
    run(&worlds().cases.iter().map(well).collect::<Vec<_>>());
}

#[test]
fn no_alert_is_without_its_cases() {
    let cases = worlds().cases;
    for alert in ALERTS {
        assert!(cases.iter().any(|c| c.is_of(alert)), "{}", alert.name);
    }
    let key = |alert: &Alert| (alert.name, alert.severity.name());
    let all: HashSet<_> = ALERTS.iter().map(key).collect();
    assert_eq!(all.len(), ALERTS.len(), "a name stands twice");
}

/// A cluster of three that serves: not one alert, pending or firing, in six hours.
#[test]
fn a_healthy_cluster_raises_nothing() {
    let each = worlds().healthy;
    let mut members = World::new();
    for n in 1..=3 {
        members.extend(each.iter().map(|(k, v)| (format!("{n} {k}"), v.clone())));
        members.insert(
            format!("{n} etcd_server_is_leader"),
            json!(u8::from(n == 1)),
        );
    }
    let minutes: Vec<_> = (0..36)
        .map(
            |n| json!({ "expr": "ALERTS", "eval_time": format!("{}m", n * 10), "exp_samples": [] }),
        )
        .collect();
    run(&[
        json!({ "interval": "1m", "input_series": all_series(&members), "promql_expr_test": minutes }),
    ]);
}

/// Labels that a description speaks of are there: a template that finds none says nothing.
#[test]
fn descriptions_say_whom_they_mean() {
    let of = |case: &Case| {
        let alert = case.alert();
        // What it leaves out where it is not there need not be.
        let always = alert.description.replace("{{ with $labels.member }}", "");
        let mut labels: HashSet<String> = always
            .split("$labels.")
            .skip(1)
            .map(|part| {
                let inner = |c: &char| c.is_alphanumeric() || *c == '_';
                part.chars().take_while(inner).collect()
            })
            .collect();
        if matches!(alert.answer, Answer::Exec(runbook) if runbook.name() == "replace.etcdrb") {
            labels.insert("member".into());
        }
        let there: String = labels.iter().map(|l| format!(", {l}!=\"\"")).collect();
        test(
            &case.sick,
            &case.firing(&there),
            &[(case.at + 10, case.fires)],
        )
    };
    run(&worlds().cases.iter().map(of).collect::<Vec<_>>());
}

/// What an alert asks of `runbook status` is a series that it writes.
#[test]
fn the_series_of_status_have_their_names() {
    let ours = regex::Regex::new("runbook_etcd_[a-z_]+").unwrap();
    let names: HashSet<_> = Series::ALL.iter().map(|s| s.name()).collect();
    let mut asked = HashSet::new();
    for alert in ALERTS {
        asked.extend(ours.find_iter(alert.expr).map(|m| m.as_str()));
    }
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.is_subset(&names), "{asked:?}");
}

/// Full is one thing, corrupt another: the command is the one for the alarm that was raised.
#[test]
fn an_alarm_is_answered_by_its_name() {
    let alerts = |alarm: &str, runbook: &str, command: &str| {
        json!({
            "eval_time": "5m",
            "alertname": "EtcdAlarm",
            "exp_alerts": [{
                "exp_labels": {
                    "severity": "critical", "job": "node", "instance": "control:9100", "cluster": "etcd", "member": "etcd1",
                    "alarm": alarm,
                },
                "exp_annotations": {
                    "summary": "etcd raised an alarm",
                    "description": format!("Cluster etcd: member etcd1 has the alarm {alarm}."),
                    "runbook": runbook,
                    "runbook_command": command,
                },
            }],
        })
    };
    let cases = [
        (
            "NOSPACE",
            "recover-nospace.etcdrb",
            "runbook exec recover-nospace.etcdrb -i prod.inv -e to=full.db -C",
        ),
        ("CORRUPT", "", "runbook status -i prod.inv"),
    ];
    let test = |(alarm, runbook, command): (&str, &str, &str)| {
        json!({
            "interval": "1m",
            "input_series": series(&format!("1 runbook_etcd_alarm{{alarm=\"{alarm}\"}}"), &json!(1)),
            "alert_rule_test": [alerts(alarm, runbook, command)],
        })
    };
    run(&cases.map(test));
}

#[test]
fn each_alert_names_what_answers_it() {
    let rules = value(&text(&watched(three()), RULES));
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), ALERTS.len());
    let mut named = HashSet::new();
    for rule in rules {
        let notes = &rule["annotations"];
        let command = notes["runbook_command"].as_str().unwrap();
        match notes["runbook"].as_str() {
            None => assert_eq!(command, "runbook status -i prod.inv"),
            Some(template) if template.starts_with("{{") => {}
            Some(name) => {
                let begin = format!("runbook exec {name} -i prod.inv");
                assert!(
                    command.starts_with(&begin) && command.ends_with(" -C"),
                    "{command}"
                );
                named.insert(name.to_owned());
            }
        }
        assert!(notes["summary"].as_str().unwrap().len() > 10);
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()));
    }
    // None is in the table that no alert needs.
    let table: HashSet<_> = RUNBOOKS.iter().map(|r| r.name().to_owned()).collect();
    assert_eq!(named, table);
}

/// The guide's table has every alert, in this order, with what answers it.
#[test]
fn the_guide_names_every_alert() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let table = guide.split("| alert | when | answer |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|l| l.starts_with('|'));
    let told: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row
                .split('|')
                .map(|c| c.trim().trim_matches('`').to_owned())
                .collect();
            (cells[1].clone(), cells[3].clone())
        })
        .collect();
    let answer = |answer: Answer| match answer {
        Answer::Status => "runbook status".to_owned(),
        Answer::Exec(runbook) => runbook.name().to_owned(),
        Answer::Alarm => "recover-nospace.etcdrb`, for others `runbook status".to_owned(),
    };
    let wanted: Vec<_> = ALERTS
        .iter()
        .map(|a| (a.name.to_owned(), answer(a.answer)))
        .collect();
    assert_eq!(told, wanted);
}
