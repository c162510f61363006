//! `runbook monitor`: what it writes, what it leaves alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use runbook_model::action::CertificateRequest;
use runbook_pki::{Wanted, ensure, inspect};

use crate::support::Place;

const MONITOR: [&str; 5] = ["monitor", "-i", "local.inv", "--out", "mon"];
const FILES: [&str; 3] = ["prometheus.yml", "etcd.rules.yml", "etcd.dashboard.json"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&MONITOR[..], more].concat()
}

#[test]
fn files_are_written_once_and_then_unchanged() {
    let place = Place::new();
    let said = place.runbook(&MONITOR);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.out.matches("new ").count(), 3, "{}", said.out);
    let before = place.tree();
    for name in FILES {
        assert!(place.path().join("mon").join(name).is_file());
        assert!(
            !place
                .path()
                .join("mon")
                .join(format!(".{name}.part"))
                .exists()
        );
    }
    let again = place.runbook(&MONITOR);
    assert_eq!(again.out.matches("unchanged").count(), 3, "{}", again.out);
    assert_eq!(place.tree(), before);
    // The command of an alert is one: it is typed as it stands there.
    let rules = fs::read_to_string(place.path().join("mon/etcd.rules.yml")).unwrap();
    assert!(rules.contains("runbook status -i local.inv"), "{rules}");
    assert_eq!(place.runbook(&["status", "-i", "local.inv"]).code, 3);
}

#[test]
fn a_dry_run_writes_nothing_and_shows_what_would_change() {
    let place = Place::new();
    let before = place.tree();
    let said = place.runbook(&with(&["-C"]));
    assert_eq!((said.code, place.tree()), (0, before), "{}", said.err);
    assert_eq!(place.runbook(&MONITOR).code, 0);
    let before = place.tree();
    let said = place.runbook(&with(&["-C", "-D", "--interval", "30s"]));
    assert!(
        said.out
            .contains("-  scrape_interval: 15s\n+  scrape_interval: 30s"),
        "{}",
        said.out
    );
    assert_eq!(said.out.matches("unchanged").count(), 2, "{}", said.out);
    assert_eq!(place.tree(), before);
}

#[test]
fn a_strangers_file_stays() {
    let place = Place::new();
    fs::create_dir(place.path().join("mon")).unwrap();
    place.write("mon/etcd.rules.yml", b"groups: []\n");
    let before = place.tree();
    place
        .runbook(&MONITOR)
        .refuses(10, &["etcd.rules.yml", "--force"]);
    assert_eq!(
        place.tree(),
        before,
        "nothing is written where one file is refused"
    );
    assert_eq!(place.runbook(&with(&["--force"])).code, 0);
    // What it wrote it may write again.
    assert_eq!(place.runbook(&with(&["--interval", "1m"])).code, 0);
}

#[test]
fn bad_input_is_told() {
    let place = Place::new();
    place
        .runbook(&with(&["--interval", "soon"]))
        .refuses(64, &["--interval soon", "15s"]);
    place
        .runbook(&with(&["--group", "etc"]))
        .refuses(10, &["no group `etc`", "etcd"]);
    place
        .runbook(&with(&["-l", "nobody"]))
        .refuses(10, &["nobody"]);
    place
        .runbook(&["monitor", "--out", "mon"])
        .refuses(64, &["-i prod.inv"]);
    place.write("empty.inv", b"[etcd]\n[other]\nh1\n");
    place
        .runbook(&["monitor", "-i", "empty.inv", "--out", "mon"])
        .refuses(10, &["no member to watch"]);
    place.write(
        "bad.yml",
        b"etcd: {hosts: {h1: {ansible_host: 192.0.2.1, etcd_extra: {ETCD_LISTEN_METRICS_URLS: nonsense}}}}\n",
    );
    place
        .runbook(&["monitor", "-i", "bad.yml", "--out", "mon"])
        .refuses(10, &["nonsense", "ETCD_LISTEN_METRICS_URLS"]);
    assert!(!place.path().join("mon").exists());
}

/// Certificates of the three members, on the control host and where their hosts have them; none of them runs.
fn certificates(place: &Place) -> i64 {
    let member = |n| CertificateRequest {
        name: format!("etcd{n}"),
        dns: Vec::new(),
        ips: vec!["127.0.0.1".to_owned()],
        server: true,
        peer: true,
    };
    let members: Vec<_> = (1..=3).map(member).collect();
    let pki = place.path().join("pki");
    let wanted = Wanted {
        dir: &pki,
        cluster: "etcd",
        members: &members,
        days: 20,
        renew_s: None,
        aside: None,
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    ensure(&wanted, now.try_into().unwrap()).unwrap();
    for (member, dir) in [("etcd1", "one"), ("etcd2", "two"), ("etcd3", "three")] {
        let host = place.path().join(dir).join("pki");
        fs::create_dir_all(&host).unwrap();
        for name in ["server.crt", "peer.crt"] {
            fs::copy(pki.join(member).join(name), host.join(name)).unwrap();
        }
        fs::copy(pki.join("ca.crt"), host.join("ca.crt")).unwrap();
    }
    let client = fs::read_to_string(pki.join("client.crt")).unwrap();
    inspect(&client).unwrap().not_after
}

#[test]
fn status_for_prometheus_tells_what_can_be_told_of_a_dead_cluster() {
    let place = Place::new();
    let end = certificates(&place);
    let said = place.runbook(&["status", "-i", "local.inv", "--format", "prometheus"]);
    assert_eq!(said.code, 3, "{}", said.err);
    let certificate = "runbook_etcd_certificate_not_after_timestamp_seconds{cluster=\"etcd\"";
    for line in [
        format!("{certificate},member=\"etcd1\",certificate=\"server\"}} {end}"),
        format!("{certificate},member=\"etcd3\",certificate=\"peer\"}} {end}"),
        format!("{certificate},certificate=\"client\"}} {end}"),
        "runbook_etcd_has_quorum{cluster=\"etcd\"} 0".to_owned(),
        "runbook_etcd_member_up{cluster=\"etcd\",member=\"etcd2\"} 0".to_owned(),
    ] {
        assert!(
            said.out.lines().any(|l| l == line),
            "no `{line}` in {}",
            said.out
        );
    }
    assert_eq!(said.out.matches("certificate=\"ca\"").count(), 3);
    place.write("out.prom", said.out.as_bytes());
    let read = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(fs::File::open(place.path().join("out.prom")).unwrap())
        .output()
        .expect("promtool is there: `tests/setup/install.sh test` brings it");
    assert!(read.status.success(), "{read:?}");
}

/// The unit of the guide, as systemd hands it to a shell.
#[test]
fn the_guides_timer_writes_a_whole_file_or_none() {
    let place = Place::new();
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let guide = fs::read_to_string(guide).unwrap();
    let unit = guide.split("runbook-status@.service").nth(1).unwrap();
    let line = unit
        .lines()
        .find_map(|l| l.strip_prefix("ExecStart=/bin/sh -c '"));
    let command = line.and_then(|l| l.strip_suffix('\'')).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_runbook")).parent().unwrap();
    let text = place.path().join("text");
    fs::create_dir(&text).unwrap();
    let run = |group: &str| {
        let status = Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("HOME", place.path())
            .env("TMPDIR", place.path())
            .env("INVENTORY", place.path().join("local.inv"))
            .env("TO", &text)
            .env("GROUP", group)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    };
    // No member runs: that is told as well.
    assert!(run("etcd"));
    let file = text.join("runbook-etcd.prom");
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("runbook_etcd_has_quorum{cluster=\"etcd\"} 0\n"),
        "{written}"
    );
    assert!(!text.join(".etcd.part").exists());
    // Where nothing could be looked at the old file stays, and grows old.
    place.write("local.inv", b"[etcd\n");
    assert!(!run("etcd"));
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

/// What an alert of a cluster in another group than `etcd` says to type plans for that cluster.
#[test]
fn a_shipped_runbook_is_typed_for_another_group() {
    let place = Place::new();
    let inventory = "\
[etcd]
etcd1 ansible_connection=local etcd_address=127.0.0.1 etcd_service_manager=process
[events]
ev1 ansible_connection=local etcd_address=127.0.0.2 etcd_service_manager=process etcd_data_dir=ev/data etcd_config=ev/etcd.conf
";
    place.write("two.inv", inventory.as_bytes());
    let groups = ["--group", "etcd", "--group", "events"];
    let out = ["monitor", "-i", "two.inv", "--out", "mon"];
    assert_eq!(place.runbook(&[&out[..], &groups].concat()).code, 0);
    let rules = fs::read_to_string(place.path().join("mon/etcd.rules.yml")).unwrap();
    for name in [
        "maintain",
        "preflight",
        "recover-majority",
        "recover-nospace",
        "replace",
        "rotate-authority",
        "rotate-certs",
    ] {
        let own = format!("events-{name}.etcdrb");
        assert!(
            rules.contains(&format!(">{own} && runbook exec {own}")),
            "{name}"
        );
        let shipped = place.runbook(&["view", &format!("{name}.etcdrb")]).out;
        let text = shipped.replace("group(etcd)", "group(events)");
        assert_ne!(text, shipped, "{name} is not for the group etcd");
        place.write(&own, text.as_bytes());
        let checked = place.runbook(&["check", &own]);
        assert_eq!(checked.code, 0, "{name}: {}", checked.err);
    }
    let plan = place.runbook(&["exec", "events-rotate-certs.etcdrb", "-i", "two.inv", "-C"]);
    let told = format!("{}{}", plan.out, plan.err);
    assert!(told.contains("ev1") && !told.contains("etcd1"), "{told}");
}
