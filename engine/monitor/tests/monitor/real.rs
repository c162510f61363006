//! Against real members: every metric exists, and a real Prometheus reads it all without an error.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use runbook_model::host::Scheme;
use runbook_monitor::{ALERTS, PROMETHEUS, TlsFiles, Watched};
use serde_json::Value;

use crate::dashboard::queries;
use crate::support::etcd::{Cluster, Options, PATIENCE, free_port, versions};
use crate::support::{metrics, promtool, write};

/// Metrics that 3.4 and 3.5 do not have, and why they are named all the same.
const LATER: [(&str, &str); 1] = [(
    "etcd_debugging_server_alarms",
    "from 3.6 on: the only metric of alarms; where it is missing, that half of the expression is empty",
)];

/// Names of the metrics that a body of `/metrics` has.
fn types(body: &str) -> BTreeSet<String> {
    body.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_is_one_that_members_have() {
    let exprs = ALERTS.iter().map(|a| a.expr.to_owned());
    let wanted: BTreeSet<_> = exprs
        .chain(queries().into_iter().map(|(_, expr)| expr))
        .flat_map(|expr| metrics(&expr))
        .collect();
    assert!(wanted.len() > 25, "{wanted:?}");
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            scheme: Scheme::Http,
            flags: &["--metrics", "extensive"],
        });
        cluster.etcdctl(0, &["put", "key", "value"]);
        // Some metrics are there once what they count has happened: a peer was lost, others were asked for their time.
        cluster.kill(2);
        let lacks = |body: &str| {
            let there = types(body);
            let missing = wanted.iter().filter(|name| !there.contains(*name)).cloned();
            missing.collect::<Vec<_>>()
        };
        let later: Vec<_> = LATER.iter().map(|(name, _)| (*name).to_owned()).collect();
        cluster.wait_for(0, "/metrics", |body| lacks(body) == later);
    }
}

/// What `EtcdNoSpace` looks at: 3.4 and 3.5 tell of no alarm, but count what they refuse. And a quota that is none is below
/// zero, which the alerts of space leave out.
#[test]
fn writes_that_are_refused_for_want_of_room_are_counted() {
    for version in versions() {
        let start = |quota: &'static str| {
            Cluster::start(&Options {
                version: &version,
                members: 1,
                scheme: Scheme::Http,
                flags: &["--quota-backend-bytes", quota],
            })
        };
        let full = start("1048576");
        let value = "v".repeat(60_000);
        let refused = (0..40).find(|n| {
            let url = full.members[0].spec.client_url();
            let out = Command::new(full.bin.join("etcdctl"))
                .env("ETCDCTL_API", "3")
                .args(["--endpoints", &url, "put", &format!("key-{n}"), &value])
                .output()
                .unwrap();
            String::from_utf8_lossy(&out.stderr).contains("database space exceeded")
        });
        assert!(refused.is_some(), "{version}: nothing was refused");
        let counted = |line: &str| {
            let ours = ["grpc_server_handled_total{", "ResourceExhausted", "\"Put\""];
            ours.iter().all(|word| line.contains(word)) && !line.ends_with(" 0")
        };
        full.wait_for(0, "/metrics", |body| body.lines().any(counted));
        let none = start("-1");
        none.wait_for(0, "/metrics", |body| {
            body.lines()
                .any(|l| l == "etcd_server_quota_backend_bytes -1")
        });
    }
}

/// Prometheus, ended with the test.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, port: u16, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect((address, port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}

/// Waits until an answer of Prometheus is as wanted.
fn wait(address: &str, port: u16, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(address, port, path);
        if let Some(value) = answer.as_ref().filter(|v| wanted(v)) {
            return value.clone();
        }
        assert!(Instant::now() < deadline, "{path}: {answer:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn prometheus_scrapes_members_by_tls_and_evaluates_every_rule() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            ..Options::default()
        });
        let pki = |name: &str| Some(cluster.pki().join(name).display().to_string());
        let watched = Watched {
            groups: vec![("etcd".to_owned(), cluster.specs())],
            inventory: " -i prod.inv".to_owned(),
            tls: TlsFiles {
                ca: pki("ca.crt"),
                cert: pki("client.crt"),
                key: pki("client.key"),
            },
            interval_ms: 500,
        };
        let dir = tempfile::tempdir().unwrap();
        write(&watched, dir.path());
        promtool(dir.path(), &["check", "config", PROMETHEUS]);
        let address = cluster.members[0].spec.address.clone();
        let port = free_port(&address);
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "prometheus"])
            .arg(format!("--config.file={PROMETHEUS}"))
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}:{port}"))
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv starts prometheus");
        let _prometheus = Prometheus(child);
        let targets = wait(&address, port, "/api/v1/targets", |v| {
            let active = v["data"]["activeTargets"].as_array();
            active.is_some_and(|a| a.len() == 3 && a.iter().all(|t| t["health"] == "up"))
        });
        assert_eq!(
            targets["data"]["activeTargets"][0]["labels"]["cluster"],
            "test"
        );
        let evaluated = |v: &Value| {
            let rules = v["data"]["groups"][0]["rules"].as_array();
            rules.is_some_and(|all| {
                all.len() == ALERTS.len() && all.iter().all(|r| r["health"] != "unknown")
            })
        };
        let rules = wait(&address, port, "/api/v1/rules", evaluated);
        for rule in rules["data"]["groups"][0]["rules"].as_array().unwrap() {
            assert_eq!(rule["health"], "ok", "{version}: {rule:#}");
        }
        // What an alert would compare is there: a selector that chooses nothing never fires.
        for query in [
            "up",
            "etcd_server_has_leader",
            "etcd_mvcc_db_total_size_in_bytes%2Fetcd_server_quota_backend_bytes",
        ] {
            let path = format!("/api/v1/query?query={query}");
            wait(&address, port, &path, |v| {
                v["data"]["result"].as_array().is_some_and(|r| r.len() == 3)
            });
        }
    }
}
