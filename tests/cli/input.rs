//! Bad input: the exit code of its kind, words that name place and mend, nothing changed.

use crate::support::{INVENTORY, Place};

/// Each is refused with 10 before anything is written.
#[track_caller]
fn refused(place: &Place, words: &[&str], says: &[&str]) {
    let before = place.tree();
    place.runbook(words).refuses(10, says);
    assert_eq!(place.tree(), before, "something was written");
}

#[test]
fn a_runbook_that_does_not_exist_names_the_nearest() {
    refused(
        &Place::new(),
        &["exec", "restor", "-i", "local.inv"],
        &["no runbook `restor`", "did you mean `restore.etcdrb`"],
    );
}

#[test]
fn parameters_are_named_typed_and_complete() {
    let place = Place::new();
    let restore = ["exec", "restore", "-i", "local.inv"];
    refused(
        &place,
        &restore,
        &["`snapshot` has no value", "-e snapshot=FILE"],
    );
    let with = |e| [&restore[..], &["-e", e]].concat();
    refused(
        &place,
        &with("snapshto=x"),
        &["no parameter `snapshto`", "did you mean `snapshot`"],
    );
    let deploy = ["exec", "deploy", "-i", "local.inv", "-e", "cert_days=soon"];
    refused(&place, &deploy, &["cert_days", "soon"]);
}

#[test]
fn inventories_are_refused_with_their_place() {
    let place = Place::new();
    refused(
        &place,
        &["exec", "deploy", "-i", "absent.inv"],
        &["absent.inv"],
    );
    place.write("cycle.inv", b"[a:children]\nb\n[b:children]\na\n");
    refused(
        &place,
        &["exec", "deploy", "-i", "cycle.inv"],
        &["cycle.inv"],
    );
    place.write("other.inv", b"[web]\nh1\n");
    refused(&place, &["exec", "deploy", "-i", "other.inv"], &["etcd"]);
    place.write("port.inv", INVENTORY.replace("11579", "many").as_bytes());
    refused(
        &place,
        &["exec", "deploy", "-i", "port.inv"],
        &["port.inv:2", "etcd_client_port", "many"],
    );
    place.write("root.inv", INVENTORY.replace("one/data", "/").as_bytes());
    refused(
        &place,
        &["exec", "deploy", "-i", "root.inv"],
        &["root.inv:2", "etcd_data_dir"],
    );
}

/// Values that a shell would act on are refused or stay data; nothing of them ever runs.
#[test]
fn hostile_values_stay_data() {
    for value in [
        "$(touch owned)",
        "'; touch owned; '",
        "`touch owned`",
        "{{ 7*7 }}",
        "a\u{1b}]0;x\u{7}b",
    ] {
        for variable in [
            "etcd_data_dir",
            "etcd_config",
            "etcd_name",
            "etcd_cluster",
            "etcd_user",
            "etcd_unit",
            "ansible_host",
        ] {
            let place = Place::new();
            let quoted = serde_json::to_string(value).unwrap();
            place.write("bad.yml", format!("etcd:\n  hosts:\n    h1:\n      ansible_connection: local\n      {variable}: {quoted}\n").as_bytes());
            let said = place.runbook(&["plan", "deploy", "-i", "bad.yml"]);
            assert!(
                !place.path().join("owned").exists(),
                "{variable}={value} ran"
            );
            assert!(
                !said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'),
                "{variable}={value} reached the terminal"
            );
            assert!(
                [0, 3, 4, 10].contains(&said.code),
                "{}: {}",
                said.code,
                said.err
            );
        }
    }
}

#[test]
fn a_bad_snapshot_is_refused_before_any_host() {
    let place = Place::new();
    let whole = place.snapshot("good.db");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty", b"", "empty"),
        ("truncated", &whole[..whole.len() - 4096], "snapshot"),
        ("flipped", &flipped, "SHA-256"),
        ("appended", &[&whole[..], b"more"].concat(), "snapshot"),
        ("hashless", &whole[..whole.len() - 32], "SHA-256"),
        ("garbage", &[7; 40_000], "snapshot"),
    ];
    for (name, bytes, says) in cases {
        place.write("bad.db", bytes);
        let said = place.runbook(&["snapshot", "verify", "bad.db"]);
        assert_eq!(said.code, 10, "{name}: {}", said.err);
        refused(
            &place,
            &[
                "exec",
                "restore",
                "-i",
                "local.inv",
                "-e",
                "snapshot=bad.db",
            ],
            &["refused", says, "no host was contacted"],
        );
    }
    refused(
        &place,
        &[
            "exec",
            "restore",
            "-i",
            "local.inv",
            "-e",
            "snapshot=absent.db",
        ],
        &["absent.db"],
    );
    let other = format!("sha256={}", "0".repeat(64));
    refused(
        &place,
        &[
            "exec",
            "restore",
            "-i",
            "local.inv",
            "-e",
            "snapshot=good.db",
            "-e",
            &other,
        ],
        &["SHA-256"],
    );
}

#[test]
fn usage_errors_exit_with_64() {
    let place = Place::new();
    for words in [
        &["frobnicate"][..],
        &["exec"],
        &["exec", "deploy", "-e"],
        &["exec", "deploy", "-i", "local.inv", "-e", "novalue"],
    ] {
        assert_eq!(place.runbook(words).code, 64, "{words:?}");
    }
    place
        .runbook(&["exec", "deploy"])
        .refuses(64, &["no inventory given", "-i prod.inv"]);
    place
        .runbook(&["exec", "deploy", "-i", "local.inv", "--override", "x"])
        .refuses(64, &["--reason"]);
}

#[test]
fn several_mistakes_of_a_runbook_come_in_one_report() {
    let place = Place::new();
    place.write(
        "bad.etcdrb",
        b"runbook bad {\n  about \"x\"\n  edition 1\n  target members = group(etcd) expect 3\n  step \"a\" on membrs parallel {\n    servce etcd stopped\n  }\n  requre reachable(members)\n}\n",
    );
    let said = place.runbook(&["check", "bad.etcdrb"]);
    said.refuses(10, &["requre"]);
    place.write(
        "bad.etcdrb",
        b"runbook bad {\n  about \"x\"\n  edition 1\n  target members = group(etcd) expect 3\n  step \"a\" on membrs parallel {\n    servce etcd stopped\n  }\n}\n",
    );
    let said = place.runbook(&["check", "bad.etcdrb"]);
    said.refuses(
        10,
        &[
            "membrs",
            "did you mean `members`",
            "servce",
            "did you mean `service`",
            "bad.etcdrb:5",
            "bad.etcdrb:6",
        ],
    );
}

/// What a newcomer gets wrong first.
#[test]
fn first_mistakes_are_told_with_what_to_type() {
    let place = Place::new();
    place
        .runbook(&["deploy", "-i", "local.inv"])
        .refuses(64, &["`deploy` is a runbook", "runbook exec deploy.etcdrb"]);
    place
        .runbook(&["exce", "deploy", "-i", "local.inv"])
        .refuses(64, &["a similar subcommand exists: 'exec'"]);
    let deploy = |inventory| place.runbook(&["exec", "deploy", "-i", inventory]);
    for path in ["inventoris/local.inv", "prod.yml"] {
        let says = [path, "a relative path begins at the current directory"];
        deploy(path).refuses(10, &says);
    }
    deploy("etcd7").refuses(10, &["a list of hosts ends with a comma: `-i etcd7,`"]);
    deploy("lokal.inv").refuses(10, &["did you mean `local.inv`"]);
    place
        .runbook(&["resume", "lst"])
        .refuses(10, &["there is no run `lst` here", "`runbook runs`"]);
    place
        .runbook(&["show", "last"])
        .refuses(10, &["no run is kept here", "RUNBOOK_STATE_DIR"]);
    place
        .runbook(&["resume", "../x"])
        .refuses(10, &["`../x` is not a run id"]);
}
