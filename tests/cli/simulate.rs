//! `runbook simulate`: what is shipped is safe under faults, what is not safe is found, and nothing real is touched.

use std::time::{SystemTime, UNIX_EPOCH};

use runbook_pki::{Authority, Key};
use serde_json::Value;

use crate::support::{Place, Said};

/// Three hosts over SSH and TLS; no name in it resolves, and nothing is there.
const INVENTORY: &str = "\
[etcd]
etcd1
etcd2
etcd3

[etcd:vars]
etcd_cluster=prod

[apiserver]
master1
";

/// Further arguments with which a shipped runbook is simulated, once with each. A runbook that is not here is simulated without any.
const ARGUMENTS: &[(&str, &[&[&str]])] = &[
    (
        "restore.etcdrb",
        &[
            &[],
            &["--override", "restore-over-live", "--reason", "a drill"],
        ],
    ),
    ("scale-down.etcdrb", &[&["-e", "member=etcd3"]]),
    ("replace.etcdrb", &[&["-e", "member=etcd3"]]),
    (
        "maintain.etcdrb",
        &[&["-e", "compact=true", "-e", "keep=1", "-e", "reclaim=1B"]],
    ),
    ("recover-nospace.etcdrb", &[&["-e", "keep=1"]]),
    ("rotate-certs.etcdrb", &[&["-e", "force=true"]]),
    ("upgrade.etcdrb", &[&["-e", "version=3.5.16"]]),
    ("preflight.etcdrb", &[&["-e", "size=small"]]),
];

/// What shipped runbooks import.
const LIBRARY: &[&str] = &["lib/members.etcdrb", "lib/membership.etcdrb"];

/// An edit that makes a shipped runbook unsafe, in its own text or in the library's, and the code by which `check` refuses it. What `check` lets pass stands in tests of its own.
const UNSAFE: &[(&str, (&str, &str), &str)] = &[
    (
        "deploy.etcdrb",
        (
            "configure member state existing",
            "configure member state new",
        ),
        "new_state_formed",
    ),
    (
        "restore.etcdrb",
        ("      require all-stopped(members)\n", ""),
        "data_while_running",
    ),
    (
        "scale-up.etcdrb",
        ("add-member as learner", "add-member as voter"),
        "voter_added",
    ),
    (
        "scale-up.etcdrb",
        ("on newcomers rolling 1", "on newcomers parallel"),
        "second_add",
    ),
    (
        "scale-down.etcdrb",
        ("    require removal-safe(members, alive)\n", ""),
        "membership_unguarded",
    ),
    (
        "scale-down.etcdrb",
        ("service etcd stopped disabled", "service etcd stopped"),
        "removed_left_running",
    ),
    (
        "replace.etcdrb",
        (
            "require membership-settled(members)\n    require data",
            "warn membership-settled(members)\n    require data",
        ),
        "membership_unguarded",
    ),
    (
        "member-update.etcdrb",
        ("chosen rolling 1 leader last", "chosen parallel"),
        "membership_at_once",
    ),
    (
        "maintain.etcdrb",
        ("    require quorum-safe(members)\n", ""),
        "pauses_voters",
    ),
    (
        "recover-nospace.etcdrb",
        ("    defragment\n", ""),
        "disarm_first",
    ),
    (
        "set-quota.etcdrb",
        ("    require quorum-safe(members)\n", ""),
        "stops_voters",
    ),
    (
        "upgrade.etcdrb",
        ("members rolling 1 leader last", "members parallel"),
        "stops_voters",
    ),
    (
        "recover-majority.etcdrb",
        ("on newcomers rolling 1", "on newcomers parallel"),
        "second_add",
    ),
    (
        "preflight.etcdrb",
        (
            "    measure-disk\n",
            "    shell \"dd if=/dev/zero of=x; rm -rf {member.data_dir}\" changes nothing\n",
        ),
        "shell_bypasses",
    ),
    (
        "rotate-certs.etcdrb",
        (
            "members rolling 1 leader last timeout 5m {\n    require quorum-safe(members)\n    install-certificates\n",
            "members parallel {\n    install-certificates\n    service etcd restarted\n",
        ),
        "stops_voters",
    ),
    (
        "rotate-authority.etcdrb",
        ("  irreversible confirm \"Drop", "  confirm \"Drop"),
        "authority_reversible",
    ),
    (
        "rolling-restart.etcdrb",
        ("rolling 1 leader last", "parallel"),
        "stops_voters",
    ),
];

fn playbooks() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks")
}

fn place() -> Place {
    let place = Place::new();
    place.write("three.inv", INVENTORY.as_bytes());
    place
}

/// A place whose cluster has an authority of ours already.
fn with_authority() -> Place {
    let place = place();
    let key = Key::generate().unwrap();
    let pem = key.pem().to_owned();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(since.as_secs()).unwrap();
    let ca = Authority::create("prod", key, now).unwrap();
    let dir = place.path().join("pki/prod");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("ca.crt"), ca.pem()).unwrap();
    std::fs::write(dir.join("ca.key"), pem).unwrap();
    place
}

fn simulate(place: &Place, runbook: &str, more: &[&str]) -> Said {
    let words = ["simulate", runbook, "-i", "three.inv", "--output", "json"];
    place.runbook(&[&words, more].concat())
}

#[track_caller]
fn report(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}{}", said.out, said.err))
}

/// A shipped runbook's text, edited; each edit must apply.
#[track_caller]
fn edited(runbook: &str, edits: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(playbooks().join(runbook)).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "`{from}` is not in {runbook}");
        text = text.replace(from, to);
    }
    text
}

/// Simulates an edited shipped runbook that `check` lets pass: the rules that are broken.
#[track_caller]
fn found(runbook: &str, edits: &[(&str, &str)], faults: &str) -> Vec<Value> {
    let place = place();
    place.write("own.etcdrb", edited(runbook, edits).as_bytes());
    assert_eq!(place.runbook(&["check", "own.etcdrb"]).code, 0);
    let said = simulate(&place, "own.etcdrb", &["--faults", faults]);
    let report = report(&said);
    assert_eq!(said.code, 10, "{report:#}");
    report["findings"].as_array().unwrap().clone()
}

#[track_caller]
fn check_refuses(runbook: &str, edits: &[(&str, &str)], code: &str) {
    let place = place();
    place.write("own.etcdrb", edited(runbook, edits).as_bytes());
    place.runbook(&["check", "own.etcdrb"]).refuses(10, &[code]);
    let said = simulate(&place, "own.etcdrb", &[]);
    said.refuses(10, &[code]);
}

fn shipped() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(playbooks())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".etcdrb"))
        .collect();
    names.sort();
    assert!(names.len() >= 13, "{names:?}");
    names
}

#[test]
fn an_unsafe_edit_of_each_shipped_runbook_is_refused() {
    for (name, edit, code) in UNSAFE {
        let place = place();
        std::fs::create_dir(place.path().join("lib")).unwrap();
        let of = |name: &str| edited(name, &[]);
        place.write("own.etcdrb", of(name).as_bytes());
        for file in LIBRARY {
            place.write(file, of(file).as_bytes());
        }
        let own = of(name).contains(edit.0).then_some(*name);
        let holds = |file: &&&str| of(file).contains(edit.0);
        let file = own.or(LIBRARY.iter().find(holds).copied());
        let file = file.unwrap_or_else(|| panic!("`{}` is not in {name}", edit.0));
        let path = own.map_or(file, |_| "own.etcdrb");
        place.write(path, edited(file, &[*edit]).as_bytes());
        place.runbook(&["check", "own.etcdrb"]).refuses(10, &[code]);
        simulate(&place, "own.etcdrb", &[]).refuses(10, &[code]);
    }
    // A backup has its own test: only a fault shows what its edit leaves undone.
    for name in shipped().iter().filter(|n| *n != "backup.etcdrb") {
        assert!(UNSAFE.iter().any(|(edited, ..)| edited == name), "{name}");
    }
}

/// A test a runbook: they run beside each other, and none of them takes a minute.
macro_rules! every_rule_is_kept_by {
    ($($test:ident: $name:literal,)*) => {
        mod keeps_every_rule {
            $(#[test]
            fn $test() {
                super::keeps_every_rule($name);
            })*
        }
        const KEPT: &[&str] = &[$($name),*];
    };
}

every_rule_is_kept_by! {
    backup: "backup.etcdrb",
    deploy: "deploy.etcdrb",
    maintain: "maintain.etcdrb",
    member_update: "member-update.etcdrb",
    preflight: "preflight.etcdrb",
    recover_majority: "recover-majority.etcdrb",
    recover_nospace: "recover-nospace.etcdrb",
    replace: "replace.etcdrb",
    restore: "restore.etcdrb",
    rolling_restart: "rolling-restart.etcdrb",
    rotate_authority: "rotate-authority.etcdrb",
    rotate_certs: "rotate-certs.etcdrb",
    scale_down: "scale-down.etcdrb",
    scale_up: "scale-up.etcdrb",
    set_quota: "set-quota.etcdrb",
    upgrade: "upgrade.etcdrb",
}

#[test]
fn no_shipped_runbook_is_left_out() {
    assert_eq!(shipped(), KEPT);
}

#[track_caller]
fn keeps_every_rule(name: &str) {
    let row = ARGUMENTS.iter().find(|(runbook, _)| *runbook == name);
    for more in row.map_or(&[&[] as &[&str]] as &[_], |(_, rows)| rows) {
        let place = match name {
            "rotate-authority.etcdrb" => with_authority(),
            _ => place(),
        };
        let said = simulate(
            &place,
            name,
            &[&["--faults", "200", "--seed", "20"], *more].concat(),
        );
        let report = report(&said);
        assert_eq!(said.code, 0, "{report:#}");
        assert_eq!(report["broken"], 0);
        assert_eq!(report["schedules"], 200);
        let starts = report["starts"].as_array().unwrap();
        assert!(!starts.is_empty());
        for start in starts {
            assert_eq!(start["undisturbed"], "done", "{start}");
        }
    }
}

#[test]
fn a_restore_that_may_be_taken_back_loses_what_clients_wrote() {
    // `runbook rollback` can be typed however the run ends by itself.
    check_refuses(
        "restore.etcdrb",
        &[
            (
                "    irreversible \"{cluster} starts from the snapshot at revision {snap.revision}\"\n",
                "",
            ),
            ("rollback before irreversible, else pause", "pause"),
        ],
        "reversible_start",
    );
}

/// Past the point of no return nothing is undone, whoever asks for it.
#[test]
fn a_restore_that_only_pauses_keeps_every_rule() {
    let place = place();
    let text = edited(
        "restore.etcdrb",
        &[("rollback before irreversible, else pause", "pause")],
    );
    place.write("own.etcdrb", text.as_bytes());
    let said = simulate(&place, "own.etcdrb", &["--faults", "300"]);
    let report = report(&said);
    assert_eq!(said.code, 0, "{report:#}");
}

#[test]
fn a_restore_whose_members_wait_for_each_other_comes_to_no_end() {
    let findings = found(
        "restore.etcdrb",
        &[(
            "step \"Start etcd\" on members parallel",
            "step \"Start etcd\" on members rolling 1",
        )],
        "10",
    );
    assert_eq!(findings[0]["rule"], "end");
    // It needs no fault for that.
    assert_eq!(findings[0]["faults"].as_array().unwrap().len(), 0);
}

#[test]
fn a_backup_that_is_not_verified_is_found_damaged() {
    let findings = found(
        "backup.etcdrb",
        &[("  ensure snapshot-verified(to)\n", "")],
        "100",
    );
    assert_eq!(findings[0]["rule"], "outcome");
    assert!(findings[0]["seen"].to_string().contains("no good snapshot"));
}

#[test]
fn a_deploy_that_restarts_its_members_at_once_is_no_runbook() {
    check_refuses(
        "deploy.etcdrb",
        &[(
            "    service etcd running enabled\n  }\n  ensure",
            "    service etcd restarted enabled\n  }\n  ensure",
        )],
        "stops_voters",
    );
}

/// The formed cluster is restarted one by one, behind a guard that is overridden.
const RESTART: &[(&str, &str)] = &[
    (
        "  step \"Configure as formed\" on members parallel {\n",
        "  step \"Configure as formed\" on members rolling 1 {\n    require quorum-safe(members)\n      override sure\n",
    ),
    (
        "    service etcd running enabled\n  }\n  ensure",
        "    service etcd restarted enabled\n  }\n  ensure",
    ),
];

#[test]
fn a_deploy_that_restarts_without_its_guard_takes_quorum_away() {
    let place = place();
    place.write("own.etcdrb", edited("deploy.etcdrb", RESTART).as_bytes());
    let said = simulate(&place, "own.etcdrb", &["--faults", "200"]);
    assert_eq!(said.code, 0, "behind its guard: {}", said.out);
    let sure = ["--faults", "200", "--override", "sure", "--reason", "test"];
    let said = simulate(&place, "own.etcdrb", &sure);
    let report = report(&said);
    assert_eq!(said.code, 10, "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let quorum = findings.iter().find(|f| f["rule"] == "quorum").unwrap();
    assert_eq!(quorum["start"], "one member down");
    assert!(quorum["seen"].to_string().contains("Configure as formed"));
}

/// From http to https: what the others cannot reach yet must not be moved.
#[test]
fn peers_that_are_moved_before_the_others_can_reach_them_are_found() {
    let place = place();
    let said = simulate(&place, "member-update.etcdrb", &["--faults", "50"]);
    let report = report(&said);
    assert_eq!(said.code, 0, "{report:#}");
    let starts = report["starts"].to_string();
    assert!(
        starts.contains("members that peers reach over http"),
        "{starts}"
    );

    let findings = found("member-update.etcdrb", &[("    trust-peers\n", "")], "10");
    assert_eq!(findings[0]["rule"], "peers");
    assert_eq!(findings[0]["faults"].as_array().unwrap().len(), 0);
}

#[test]
fn the_same_seed_says_the_same_bytes_and_a_finding_comes_again() {
    let place = place();
    let text = edited("backup.etcdrb", &[("  ensure snapshot-verified(to)\n", "")]);
    place.write("own.etcdrb", text.as_bytes());
    let first = simulate(&place, "own.etcdrb", &["--faults", "150", "--seed", "3"]);
    for threads in ["1", "3"] {
        let words = [
            "simulate",
            "own.etcdrb",
            "-i",
            "three.inv",
            "--output",
            "json",
        ];
        let words = [&words[..], &["--faults", "150", "--seed", "3"]].concat();
        let again = place.runbook_with(&[("RAYON_NUM_THREADS", threads)], &words);
        assert_eq!(again.out, first.out, "{threads} threads");
    }
    let finding = report(&first)["findings"][0].clone();
    let words = finding["again"].as_str().unwrap().to_owned();
    let words: Vec<_> = words.split(' ').skip(1).collect();
    let again = place.runbook(&[&words[..], &["--output", "json"]].concat());
    assert_eq!(again.code, 10, "{}{}", again.out, again.err);
    assert_eq!(report(&again)["findings"][0], finding);
    let shown = place.runbook(&words);
    assert_eq!(shown.code, 10);
    assert!(shown.out.contains("the outcome that was told is not true"));
}

#[test]
fn nothing_real_is_written_and_nobody_is_asked() {
    let place = place();
    place.snapshot("backup.db");
    let before = place.tree();
    for (runbook, more) in [
        ("deploy.etcdrb", &[][..]),
        ("backup.etcdrb", &["-e", "to=saved.db"]),
        ("restore.etcdrb", &["-e", "snapshot=backup.db"]),
    ] {
        let said = simulate(&place, runbook, &[&["--faults", "20"], more].concat());
        assert_eq!(said.code, 0, "{runbook}: {}{}", said.out, said.err);
        let report = report(&said);
        assert_eq!(report["stand_ins"], Value::Array(vec![]), "{runbook}");
    }
    assert_eq!(place.tree(), before);
}

#[test]
fn what_is_not_there_is_simulated_and_said_to_be() {
    let place = place();
    let said = place.runbook(&[
        "simulate",
        "restore.etcdrb",
        "-i",
        "three.inv",
        "--faults",
        "20",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out
            .contains("`snapshot` was not given: a snapshot of the simulated cluster")
    );
    assert!(
        said.out
            .contains("a healthy cluster: refused by quorum-lost(members)")
    );
    assert!(said.out.contains("No schedule broke a rule."));
    let given = ["-e", "snapshot=none.db", "--faults", "20"];
    let said = simulate(&place, "restore.etcdrb", &given);
    assert!(
        said.out
            .contains("none.db`: a snapshot of the simulated cluster")
    );
    let said = simulate(&place, "backup.etcdrb", &["--faults", "20"]);
    assert!(said.out.contains("nothing is written"), "{}", said.out);
}

#[test]
fn a_bad_snapshot_is_refused_as_in_a_real_run() {
    let place = place();
    place.write("bad.db", b"no snapshot");
    let said = simulate(&place, "restore.etcdrb", &["-e", "snapshot=bad.db"]);
    said.refuses(10, &["bad.db", "is refused"]);
}

#[test]
fn a_run_that_starts_nowhere_is_refused_with_the_reasons() {
    let place = place();
    let text = edited(
        "backup.etcdrb",
        &[(
            "require any-serving(members)",
            "require not reachable(members)",
        )],
    );
    place.write("own.etcdrb", text.as_bytes());
    simulate(&place, "own.etcdrb", &[]).refuses(
        3,
        &[
            "no starting state",
            "fresh hosts: refused by",
            "every member down: refused by",
        ],
    );
}

#[test]
fn a_bad_command_line_says_what_to_type() {
    let place = place();
    simulate(&place, "deploy.etcdrb", &["--schedule", "xyz"]).refuses(64, &["in hex"]);
    simulate(&place, "deploy.etcdrb", &["--faults", "0"]).refuses(64, &["--faults"]);
    simulate(&place, "nothing.etcdrb", &[]).refuses(10, &["there is no runbook"]);
}
