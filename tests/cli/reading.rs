//! `check`, `plan`, `--dry-run`, `status` and all that only looks write nothing, anywhere.

use crate::support::Place;

#[test]
fn reading_commands_leave_no_trace() {
    let place = Place::new();
    place.snapshot("good.db");
    let before = place.tree();
    let i = ["-i", "local.inv"];
    for (words, code) in [
        (vec!["plan", "deploy"], 0),
        (vec!["exec", "deploy", "--dry-run"], 0),
        (vec!["exec", "deploy", "-C", "--diff"], 0),
        (vec!["plan", "deploy", "--format", "markdown"], 0),
        (vec!["plan", "deploy", "--format", "json"], 0),
        (vec!["plan", "deploy", "--format", "html"], 0),
        (vec!["plan", "deploy", "--detailed-exitcode"], 20),
        (vec!["exec", "deploy", "--list-hosts"], 0),
        (vec!["status"], 3),
        (vec!["inventory", "list"], 0),
        (vec!["inventory", "graph"], 0),
        (vec!["inventory", "hosts"], 0),
        (vec!["vars", "etcd1"], 0),
        (vec!["plan", "backup", "-e", "to=new.db"], 3),
    ] {
        let said = place.runbook(&[&words[..], &i].concat());
        assert_eq!(said.code, code, "{words:?}: {}{}", said.out, said.err);
        let mut after = place.tree();
        // Control sockets of connections may come and go; nothing else.
        after.retain(|path, _| !path.contains("/runbook-"));
        assert_eq!(after, before, "{words:?} wrote something");
    }
}

#[test]
fn the_same_plan_twice_is_the_same() {
    let place = Place::new();
    let plan = || {
        let said = place.runbook(&["plan", "deploy", "-i", "local.inv", "--format", "markdown"]);
        // What is measured anew each time.
        said.out
            .lines()
            .filter(|l| !l.contains("clocks-agree") && !l.contains("disk-free"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let first = plan();
    assert!(first.contains("etcd.conf"), "{first}");
    assert_eq!(first, plan());
}

#[test]
fn a_plan_for_a_reviewer_ends_with_the_command_that_runs_it() {
    let place = Place::new();
    let words = ["deploy", "-i", "local.inv", "-e", "cert_days=90"];
    for form in ["markdown", "html"] {
        let said = place.runbook(&[&["plan"], &words[..], &["--format", form]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        let command = "runbook exec deploy -i local.inv -e cert_days=90";
        assert!(said.out.contains(command), "{}", said.out);
    }
}

#[test]
fn a_plan_says_what_it_will_write() {
    let place = Place::new();
    let said = place.runbook(&["exec", "deploy", "-i", "local.inv", "--dry-run", "--diff"]);
    for words in [
        "+ETCD_NAME=etcd1",
        "+ETCD_INITIAL_CLUSTER_STATE=new",
        "require reachable(members)",
        "On failure:",
        "Plan:",
    ] {
        assert!(
            said.out.contains(words),
            "`{words}` is not in:\n{}",
            said.out
        );
    }
    assert!(!said.out.contains("PRIVATE KEY"));
}

/// Which hosts are reached is known before any is: a limit that leaves none is an error, not everything.
#[test]
fn a_limit_that_matches_nothing_is_an_error() {
    let place = Place::new();
    place
        .runbook(&["plan", "deploy", "-i", "local.inv", "-l", "etcd9"])
        .refuses(10, &["etcd9"]);
}

#[test]
fn status_without_etcd_says_so() {
    let place = Place::new();
    let said = place.runbook(&["status", "-i", "local.inv"]);
    assert!(
        said.out.contains("0 of 3 members healthy: NO QUORUM"),
        "{}",
        said.out
    );
    let said = place.runbook(&["status", "-i", "local.inv", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["quorum"]["needed"], 2);
    assert_eq!(json["members"].as_array().unwrap().len(), 3);
}

#[test]
fn a_quota_may_be_written_as_a_size() {
    let place = Place::new();
    let sized = |quota: &str| {
        let inventory = format!("{}etcd_quota_bytes={quota}\n", crate::support::INVENTORY);
        place.write("sized.inv", inventory.as_bytes());
        place.runbook(&["exec", "deploy", "-i", "sized.inv", "-C", "--diff"])
    };
    let said = sized("4GiB");
    let line = "ETCD_QUOTA_BACKEND_BYTES=4294967296";
    assert!(
        said.code == 0 && said.out.contains(line),
        "{}{}",
        said.out,
        said.err
    );
    sized("4G").refuses(10, &["etcd_quota_bytes", "a size as `4GiB`", "it is `4G`"]);
}
