//! Members of a cluster, and Prometheus' own tool.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use runbook_model::host::{HostName, Install, MemberSpec, Scheme, ServiceManager};
use runbook_monitor::{File, TlsFiles, Watched, watch};
use serde_json::Value;

#[path = "../../../../tests/support/etcd.rs"]
pub mod etcd;

/// A member as an inventory gives it.
pub fn spec(name: &str, cluster: &str, address: &str) -> MemberSpec {
    MemberSpec {
        host: HostName::new(name),
        name: name.to_owned(),
        cluster: cluster.to_owned(),
        address: address.to_owned(),
        scheme: Scheme::Https,
        peer_scheme: None,
        client_port: 2379,
        peer_port: 2380,
        data_dir: "/var/lib/etcd".to_owned(),
        pki_dir: "/etc/etcd/pki".to_owned(),
        config: "/etc/etcd/etcd.conf".to_owned(),
        unit: "etcd".to_owned(),
        manager: ServiceManager::Systemd,
        bin_dir: None,
        user: "etcd".to_owned(),
        install: Install::Present,
        quota_bytes: None,
        extra: Vec::new(),
        control_pki_dir: "/srv/pki".to_owned(),
    }
}

/// Three members of a cluster `etcd`.
pub fn three() -> Vec<MemberSpec> {
    (1..=3)
        .map(|n| spec(&format!("etcd{n}"), "etcd", &format!("192.0.2.1{n}")))
        .collect()
}

pub fn watched(specs: Vec<MemberSpec>) -> Watched {
    Watched {
        groups: vec![("etcd".to_owned(), specs)],
        inventory: " -i prod.inv".to_owned(),
        tls: TlsFiles::default(),
        interval_ms: 15_000,
    }
}

pub fn files(watched: &Watched) -> Vec<File> {
    watch(watched).unwrap().0
}

pub fn text(watched: &Watched, name: &str) -> String {
    let file = files(watched).into_iter().find(|f| f.name == name);
    file.unwrap().text
}

/// A YAML or JSON text as a value.
pub fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// Writes all files into a directory.
pub fn write(watched: &Watched, dir: &Path) {
    for file in files(watched) {
        std::fs::write(dir.join(file.name), file.text).unwrap();
    }
}

/// Runs `promtool` in a directory; it must agree. Gives what it said.
#[track_caller]
pub fn promtool(dir: &Path, arguments: &[&str]) -> String {
    let out = Command::new("promtool")
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("promtool is there: `tests/setup/install.sh test` brings it");
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// Prometheus' own reader takes this text of metrics, and its linter has nothing to say.
#[track_caller]
pub fn promtool_reads(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: `tests/setup/install.sh test` brings it");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let out = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(
        out.status.success() && said.is_empty(),
        "{said}
{text}"
    );
}

/// The names of metrics in an expression.
pub fn metrics(expr: &str) -> Vec<String> {
    let names = regex::Regex::new(r"\b(?:etcd|grpc|process|go)_[a-z_]+").unwrap();
    let found = names.find_iter(expr).map(|m| m.as_str());
    // Labels and functions begin otherwise, but for these.
    found
        .filter(|name| !["grpc_method", "grpc_code", "grpc_type", "grpc_service"].contains(name))
        .map(|name| name.trim_end_matches("_bucket").to_owned())
        .collect()
}
