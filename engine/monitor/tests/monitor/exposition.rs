//! What `runbook status` saw, as Prometheus reads it.

use std::collections::BTreeMap;
use std::path::Path;

use runbook_model::action::CertificateRequest;
use runbook_model::cluster::{Alarm, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::facts::HostFacts;
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_model::view::View;
use runbook_monitor::{certificate_files, exposition};
use runbook_pki::layout::Layout;
use runbook_pki::{Wanted, ensure, inspect};

use crate::support::{promtool_reads, spec, three};

const NOW: i64 = 1_795_415_962;
const DAY: i64 = 86_400;

fn serving(id: u64) -> MemberStatus {
    MemberStatus {
        cluster_id: 7,
        member_id: id,
        leader: 1,
        db_size: 20_480,
        db_size_in_use: 16_384,
        certificate_not_after: Some(NOW + 90 * DAY),
        members: Some((1..=3).map(listed).collect()),
        ..MemberStatus::default()
    }
}

fn listed(id: u64) -> Member {
    Member {
        id,
        name: format!("etcd{id}"),
        peer_urls: Vec::new(),
        client_urls: Vec::new(),
        is_learner: false,
    }
}

/// Three members that serve, as `change` has it.
fn view(specs: Vec<MemberSpec>, change: impl Fn(u64, &mut MemberStatus)) -> View {
    let mut view = View {
        now: NOW,
        ..View::default()
    };
    for (id, spec) in (1..).zip(specs) {
        let mut status = serving(id);
        change(id, &mut status);
        let probe = MemberProbe::Serving(Box::new(status));
        view.cluster.members.insert(spec.host.clone(), probe);
        view.specs.insert(spec.host.clone(), spec);
    }
    view
}

fn silent(view: &mut View, host: &str) {
    let probe = MemberProbe::Silent {
        cause: SilentCause::Tls,
        detail: "its certificate expired".to_owned(),
    };
    view.cluster.members.insert(HostName::new(host), probe);
}

/// Certificates in a directory, valid for these days, and what a host has of them.
fn certificates(dir: &Path, specs: &[MemberSpec], days: u32) -> BTreeMap<HostName, HostFacts> {
    let of = |spec: &MemberSpec| CertificateRequest {
        name: spec.name.clone(),
        dns: Vec::new(),
        ips: vec![spec.address.clone()],
        server: true,
        peer: true,
    };
    let members: Vec<_> = specs.iter().map(of).collect();
    let wanted = Wanted {
        dir,
        cluster: "etcd",
        members: &members,
        days,
        renew_s: None,
        aside: None,
    };
    ensure(&wanted, NOW).unwrap();
    let layout = Layout::new(dir);
    let facts = |spec: &MemberSpec| {
        let (server, peer) = (layout.server(&spec.name).cert, layout.peer(&spec.name).cert);
        let files = certificate_files(spec);
        let texts = [server, peer, layout.ca().cert];
        let texts = texts.map(|path| std::fs::read_to_string(path).unwrap());
        let facts = HostFacts {
            certificates: files.into_iter().zip(texts).collect(),
            ..HostFacts::default()
        };
        (spec.host.clone(), facts)
    };
    specs.iter().map(facts).collect()
}

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|l| l == *line), "no `{line}` in:\n{text}");
    }
}

#[test]
fn a_healthy_cluster() {
    let mut specs = three();
    specs[0].quota_bytes = Some(4 << 30);
    let text = exposition(&view(specs, |_, _| {}), &none());
    promtool_reads(&text);
    has(
        &text,
        &[
            "# TYPE runbook_etcd_status_timestamp_seconds gauge",
            "runbook_etcd_status_timestamp_seconds{cluster=\"etcd\"} 1795415962",
            "runbook_etcd_member_up{cluster=\"etcd\",member=\"etcd2\"} 1",
            "runbook_etcd_voters{cluster=\"etcd\"} 3",
            "runbook_etcd_healthy_voters{cluster=\"etcd\"} 3",
            "runbook_etcd_quorum{cluster=\"etcd\"} 2",
            "runbook_etcd_has_quorum{cluster=\"etcd\"} 1",
            "runbook_etcd_alarm{cluster=\"etcd\",member=\"etcd3\",alarm=\"NOSPACE\"} 0",
            "runbook_etcd_db_size_bytes{cluster=\"etcd\",member=\"etcd1\"} 20480",
            "runbook_etcd_db_size_in_use_bytes{cluster=\"etcd\",member=\"etcd1\"} 16384",
            "runbook_etcd_quota_bytes{cluster=\"etcd\",member=\"etcd1\"} 4294967296",
            "runbook_etcd_certificate_not_after_timestamp_seconds{cluster=\"etcd\",member=\"etcd1\",certificate=\"server\"} 1803191962",
        ],
    );
    assert_eq!(text.matches("quota_bytes{").count(), 1);
    assert!(!text.contains("certificate=\"peer\""), "nobody told of it");
}

/// A member whose certificate has ended answers nobody who checks it: then its file tells, and the alert stays.
#[test]
fn a_silent_members_certificates_are_told_from_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let specs = three();
    let mut view = view(specs.clone(), |_, _| {});
    for (host, facts) in certificates(dir.path(), &specs, 20) {
        view.hosts.insert(host, Ok(facts));
    }
    silent(&mut view, "etcd1");
    let layout = Layout::new(dir.path());
    let client = std::fs::read_to_string(layout.client().cert).unwrap();
    let ca = std::fs::read_to_string(layout.ca().cert).unwrap();
    let clients = BTreeMap::from([("etcd".to_owned(), client)]);
    let text = exposition(&view, &clients);
    promtool_reads(&text);
    let end = |member: &str, certificate: &str, at: i64| {
        format!(
            "runbook_etcd_certificate_not_after_timestamp_seconds{{cluster=\"etcd\",{member}certificate=\"{certificate}\"}} {at}"
        )
    };
    let (one, two) = ("member=\"etcd1\",", "member=\"etcd2\",");
    let lines = [
        end(one, "server", NOW + 20 * DAY),
        end(one, "peer", NOW + 20 * DAY),
        end(one, "ca", inspect(&ca).unwrap().not_after),
        // What is served is what counts.
        end(two, "server", NOW + 90 * DAY),
        end("", "client", NOW + 20 * DAY),
        "runbook_etcd_member_up{cluster=\"etcd\",member=\"etcd1\"} 0".to_owned(),
        "runbook_etcd_healthy_voters{cluster=\"etcd\"} 2".to_owned(),
    ];
    has(&text, &lines.each_ref().map(String::as_str));
}

/// Of a bundle the one that issued counts: an old one beside it would raise an alert for ever.
#[test]
fn the_authority_is_the_one_that_issued() {
    let (dir, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let specs = three();
    let mut view = view(specs.clone(), |_, _| {});
    let wanted = Wanted {
        dir: old.path(),
        cluster: "old",
        members: &[],
        days: 1,
        renew_s: None,
        aside: None,
    };
    ensure(&wanted, NOW - 3660 * DAY).unwrap();
    let other = std::fs::read_to_string(Layout::new(old.path()).ca().cert).unwrap();
    assert!(inspect(&other).unwrap().not_after < NOW);
    let mut own = 0;
    for (host, mut facts) in certificates(dir.path(), &specs, 20) {
        let ca = facts.certificates.get_mut("/etc/etcd/pki/ca.crt").unwrap();
        own = inspect(ca).unwrap().not_after;
        *ca = format!("{other}{ca}");
        view.hosts.insert(host, Ok(facts));
    }
    let text = exposition(&view, &none());
    let line = format!("member=\"etcd1\",certificate=\"ca\"}} {own}");
    assert!(text.contains(&line), "{text}");
}

#[test]
fn an_alarm_is_told_of_the_member_that_raised_it() {
    let alarm = |member_id, kind: &str| Alarm {
        member_id,
        kind: kind.to_owned(),
    };
    // All tell of all alarms; the third is down, and one is of a member that nobody lists.
    let mut view = view(three(), |_, status| {
        status.alarms = vec![
            alarm(2, "NOSPACE"),
            alarm(3, "CORRUPT"),
            alarm(0xabc, "NOSPACE"),
        ];
    });
    silent(&mut view, "etcd3");
    let text = exposition(&view, &none());
    promtool_reads(&text);
    has(
        &text,
        &[
            "runbook_etcd_alarm{cluster=\"etcd\",member=\"etcd2\",alarm=\"NOSPACE\"} 1",
            "runbook_etcd_alarm{cluster=\"etcd\",member=\"etcd2\",alarm=\"CORRUPT\"} 0",
            "runbook_etcd_alarm{cluster=\"etcd\",member=\"etcd3\",alarm=\"CORRUPT\"} 1",
            "runbook_etcd_alarm{cluster=\"etcd\",member=\"abc\",alarm=\"NOSPACE\"} 1",
        ],
    );
}

#[test]
fn nobody_answers() {
    let mut view = view(three(), |_, _| {});
    for host in ["etcd1", "etcd2", "etcd3"] {
        silent(&mut view, host);
    }
    let text = exposition(&view, &none());
    promtool_reads(&text);
    has(
        &text,
        &[
            "runbook_etcd_voters{cluster=\"etcd\"} 3",
            "runbook_etcd_healthy_voters{cluster=\"etcd\"} 0",
            "runbook_etcd_has_quorum{cluster=\"etcd\"} 0",
            "runbook_etcd_member_up{cluster=\"etcd\",member=\"etcd3\"} 0",
        ],
    );
}

/// Two clusters in one group have a quorum each; members of different clusters under one name have none.
#[test]
fn clusters_are_told_apart() {
    let mut specs = three();
    specs[2] = spec("ev1", "events", "2001:db8::1");
    specs[2].scheme = Scheme::Http;
    assert!(certificate_files(&specs[2]).is_empty());
    let alone = |id, status: &mut MemberStatus| {
        if id == 3 {
            status.cluster_id = 8;
            status.leader = 3;
            status.certificate_not_after = None;
            status.members = Some(vec![listed(3)]);
        } else {
            status.members = Some(vec![listed(1), listed(2)]);
        }
    };
    let text = exposition(&view(specs, alone), &none());
    promtool_reads(&text);
    has(
        &text,
        &[
            "runbook_etcd_voters{cluster=\"etcd\"} 2",
            "runbook_etcd_voters{cluster=\"events\"} 1",
            "runbook_etcd_has_quorum{cluster=\"etcd\"} 1",
            "runbook_etcd_has_quorum{cluster=\"events\"} 1",
        ],
    );
    let apart = |id, status: &mut MemberStatus| status.cluster_id = id;
    let text = exposition(&view(three(), apart), &none());
    has(&text, &["runbook_etcd_has_quorum{cluster=\"etcd\"} 0"]);
}

#[test]
fn hostile_names_stay_values() {
    for word in [
        "a\"} 1\nup 1 #",
        "b\\\"c\\n\\",
        "\u{1b}[31m\r\u{85}\u{2028}é日本",
        "",
        "{{ .Value }}",
    ] {
        let mut specs = three();
        for (n, spec) in specs.iter_mut().enumerate() {
            spec.cluster = word.to_owned();
            spec.name = format!("{word}{n}");
        }
        let hostile = |_, status: &mut MemberStatus| {
            status.alarms = vec![Alarm {
                member_id: 1,
                kind: word.to_owned(),
            }];
        };
        let text = exposition(&view(specs, hostile), &none());
        promtool_reads(&text);
        let ours = |line: &str| line.starts_with("runbook_etcd_") || line.starts_with("# ");
        assert!(text.split('\n').all(|l| l.is_empty() || ours(l)), "{text}");
    }
}
