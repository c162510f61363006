//! `runbook test`: what stands in runbooks is run, what is not so is told at its line, and nothing real is looked at.

use serde_json::Value;

use crate::support::{Place, Said};

/// A runbook with something to fail, to undo and to pass.
const RUNBOOK: &str = r#"runbook renew {
  about   "Sends a file and restarts the members, then sets their old data aside."
  edition 1

  param file: path                 "a file"
  param room: bytes = 1MiB         "room on every host"
  param runs: version = "3.5.16"   "what the members run"

  target members = group(etcd)     expect 1 | 3 | 5
  target others  = group(node)     expect any

  require reachable(members)
  require disk-free(members, room)
  require cluster-healthy(members)
    override sick
  warn version-runs(members, runs)

  step "Send" on members parallel {
    upload file to "/var/tmp/{run.id}.txt"
  }
  step "Restart etcd" on members rolling 1 {
    require quorum-safe(members)
    service etcd restarted
    ensure cluster-healthy(members) within 1m
  }
  step "Restart nodes" on others parallel {
    service kubelet restarted
  }

  on failure { rollback }
}

"#;

/// Tests of that runbook, and whether they pass. Each that passes has one beside it that must not.
const TESTS: &[(&str, bool)] = &[
    (
        "given cluster of 3\n  expect done\n  expect cluster-healthy(members)",
        true,
    ),
    ("given cluster of 3\n  expect failed", false),
    (
        "given cluster of 3\n  expect not cluster-healthy(members)",
        false,
    ),
    ("given cluster of 3\n  expect nothing changed", false),
    (
        "given cluster of 2\n  expect bad input\n  expect nothing changed",
        true,
    ),
    ("given cluster of 2\n  expect done", false),
    (
        "given cluster of 2\n  expect cluster-healthy(members)",
        false,
    ),
    (
        "given cluster of 3\n  given param room = 900GiB\n  expect refused by disk-free\n  expect nothing changed",
        true,
    ),
    (
        "given cluster of 3\n  given param room = 900MiB\n  expect refused by disk-free",
        false,
    ),
    (
        "given cluster of 3\n  given param room = 1B\n  expect bad input",
        false,
    ),
    (
        "given cluster of 3\n  given etcd1 is down\n  expect refused by cluster-healthy",
        true,
    ),
    (
        "given cluster of 3\n  given etcd1 is down\n  expect refused by disk-free",
        false,
    ),
    (
        "given cluster of 3\n  given etcd1 is dead\n  expect refused by reachable\n  expect unreachable",
        true,
    ),
    (
        "given cluster of 3\n  given etcd1 is unreachable\n  expect refused\n",
        false,
    ),
    (
        "given cluster of 3\n  given etcd3 is a learner\n  expect done",
        false,
    ),
    (
        "given cluster of 3\n  given alarm nospace\n  expect refused by cluster-healthy\n  expect not no-alarm(members)",
        true,
    ),
    (
        "given cluster of 3\n  given version \"3.4.23\"\n  expect version-runs(members, runs)",
        false,
    ),
    (
        "given cluster of 3\n  given version \"3.4.23\"\n  given param runs = \"3.4.23\"\n  given param room = 900GiB\n  expect version-runs(members, runs)",
        true,
    ),
    (
        "given cluster of 3\n  given file is missing\n  expect bad input",
        true,
    ),
    (
        "given cluster of 3\n  given etcd1 is down\n  given override sick\n  expect done",
        true,
    ),
    (
        "given cluster of 3\n  when etcd2 fails in \"Restart etcd\"\n  expect rolled back",
        true,
    ),
    (
        "given cluster of 3\n  when etcd2 fails in \"Restart etcd\"\n  expect nothing changed\n  expect done",
        false,
    ),
    (
        "given cluster of 3\n  when connection to etcd2 drops in \"Restart etcd\"\n  expect done",
        true,
    ),
    (
        "given cluster of 3\n  when runbook is killed after \"Send\"\n  expect interrupted",
        true,
    ),
    (
        "given cluster of 3\n  when runbook is killed after \"Send\"\n  when operator resumes\n  expect done",
        true,
    ),
    (
        "given cluster of 3\n  when runbook is killed before \"Restart etcd\"\n  when operator rolls back\n  expect rolled back\n  expect nothing changed",
        true,
    ),
    (
        "given cluster of 3\n  when runbook is killed before \"Restart etcd\"\n  when operator rolls back\n  expect interrupted",
        false,
    ),
    // Neither comes: there is no such host in the step, and no run that gets there.
    (
        "given cluster of 3\n  given group node of 1\n  when node1 fails in \"Send\"\n  expect done",
        false,
    ),
    (
        "given cluster of 3\n  given param room = 900GiB\n  when etcd1 is dead after \"Send\"\n  expect refused by disk-free",
        false,
    ),
    (
        "given cluster of 3\n  given group node of 2\n  when node1 and node2 are unreachable before \"Restart nodes\"\n  expect rolled back",
        true,
    ),
    (
        "given cluster of 3\n  when etcd1 is down in \"Send\"\n  expect refused",
        false,
    ),
    (
        "given cluster of 3\n  given var etcd_client_port = 12379\n  expect done",
        true,
    ),
    (
        "given cluster of 3\n  given var etcd_client_port = \"none\"\n  expect bad input",
        true,
    ),
];

fn tested(place: &Place, words: &[&str]) -> Said {
    place.runbook(&[&["test"], words].concat())
}

#[track_caller]
fn report(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}{}", said.out, said.err))
}

fn read(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn each_expectation_can_be_met_and_can_fail() {
    let place = Place::new();
    let mut text = RUNBOOK.to_owned();
    for (number, (lines, _)) in TESTS.iter().enumerate() {
        text += &format!("test \"{number}\" {{\n  {lines}\n}}\n");
    }
    place.write("renew.etcdrb", text.as_bytes());
    let said = tested(&place, &["renew.etcdrb", "--format", "json"]);
    let report = report(&said);
    let tests = report["files"][0]["tests"].as_array().unwrap();
    assert_eq!(tests.len(), TESTS.len());
    let mut wrong = Vec::new();
    for (test, (lines, passes)) in tests.iter().zip(TESTS) {
        if test["passed"] != *passes {
            wrong.push(format!("{lines}\n{:#}", test["unmet"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(said.code, 2);
}

#[test]
fn what_is_not_so_is_told_at_its_line() {
    let place = Place::new();
    let test = "test \"survives\" {\n  given cluster of 3\n  when etcd2 fails in \"Restart etcd\"\n  when etcd1 is dead after \"Restart nodes\"\n  expect done\n  expect not cluster-healthy(members)\n}\n";
    place.write("renew.etcdrb", format!("{RUNBOOK}{test}").as_bytes());
    let said = tested(&place, &["renew.etcdrb"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.out.contains("FAILED  survives"), "{}", said.out);
    assert!(said.out.ends_with("1 of 1 tests failed.\n"), "{}", said.out);
    insta::assert_snapshot!(said.err);
}

#[test]
fn reports_are_read_by_programs() {
    let place = Place::new();
    let tests = "test \"is <done> & well\" {\n  given cluster of 3\n  expect done\n}\ntest \"fails\" {\n  given cluster of 3\n  expect stuck\n}\n";
    place.write("renew.etcdrb", format!("{RUNBOOK}{tests}").as_bytes());
    let said = tested(&place, &["renew.etcdrb", "--format", "junit"]);
    assert_eq!(said.code, 2);
    for part in [
        "<testsuites tests=\"2\" failures=\"1\">",
        "name=\"is &lt;done&gt; &amp; well\"",
        "<failure message=\"`fails`: this is not so at the end\">renew.etcdrb:39: the run is done",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let said = tested(
        &place,
        &["renew.etcdrb", "--name", "DONE", "--format", "json"],
    );
    let report = report(&said);
    assert_eq!((said.code, &report["tests"]), (0, &Value::from(1)));
    assert_eq!(report["files"][0]["tests"][0]["name"], "is <done> & well");
    tested(&place, &["renew.etcdrb", "--name", "nobody"])
        .refuses(10, &["no test's name contains `nobody`", "`fails`"]);
}

#[test]
fn files_without_tests_say_so_and_bad_ones_are_refused() {
    let place = Place::new();
    place.write("renew.etcdrb", RUNBOOK.as_bytes());
    let said = tested(&place, &["renew.etcdrb", "lib/members.etcdrb"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("renew.etcdrb: no tests"), "{}", said.out);
    assert!(
        said.out.contains("members.etcdrb: no tests"),
        "{}",
        said.out
    );
    tested(&place, &["nowhere.etcdrb"]).refuses(10, &["there is no runbook"]);
    let test = "test \"x\" {\n  given cluster of 3\n  given var etcd_schema = \"http\"\n  expect done\n}\n";
    place.write("renew.etcdrb", format!("{RUNBOOK}{test}").as_bytes());
    let words = [
        "`etcd_schema` is no variable",
        "did you mean `etcd_scheme`?",
    ];
    tested(&place, &["renew.etcdrb"]).refuses(10, &words);
    place.write(
        "renew.etcdrb",
        format!("{RUNBOOK}test \"x\" {{}}").as_bytes(),
    );
    tested(&place, &["renew.etcdrb"]).refuses(10, &["runbook::check::empty_test"]);
}

#[test]
fn no_file_of_this_machine_decides_a_test() {
    let place = Place::new();
    let test = "test \"restores\" {\n  given cluster of 3\n  given etcd2 and etcd3 are down\n  given param snapshot = \"backup.db\"\n  expect done\n}\n";
    let text = read("playbooks/restore.etcdrb") + "\n" + test;
    place.write("own.etcdrb", text.as_bytes());
    place.write("backup.db", b"not a snapshot at all");
    let before = place.tree();
    let said = tested(&place, &["own.etcdrb", "--name", "restores"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(place.tree(), before);
}

#[test]
fn tests_of_shipped_runbooks_pass() {
    let place = Place::new();
    let names: Vec<String> =
        std::fs::read_dir(format!("{}/../../playbooks", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".etcdrb"))
            .map(|name| format!("embedded:{name}"))
            .collect();
    let mut words: Vec<&str> = names.iter().map(String::as_str).collect();
    words.extend(["--format", "json"]);
    let said = tested(&place, &words);
    let report = report(&said);
    assert_eq!(said.code, 0, "{report:#}");
    assert!(report["tests"].as_u64().unwrap() >= 11, "{report:#}");
}

#[test]
fn a_new_runbook_checks_and_its_tests_pass() {
    let place = Place::new();
    let said = place.runbook(&["new", "my-own"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for words in [
        &["check", "my-own.etcdrb"][..],
        &["fmt", "--check", "my-own.etcdrb"],
    ] {
        let said = place.runbook(words);
        assert_eq!(said.code, 0, "{words:?}: {}", said.err);
    }
    let said = tested(&place, &["my-own.etcdrb"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.ends_with("2 tests passed.\n"), "{}", said.out);
    let before = place.tree();
    place
        .runbook(&["new", "my-own.etcdrb"])
        .refuses(10, &["`my-own.etcdrb` is there already"]);
    place
        .runbook(&["new", "1st"])
        .refuses(10, &["`1st` cannot be a runbook's name"]);
    assert_eq!(place.tree(), before);
}

#[test]
fn the_example_of_the_reference_passes() {
    let place = Place::new();
    let page = read("docs/language.md");
    let blocks = page.split("```etcdrb\n").skip(1);
    let blocks: Vec<&str> = blocks
        .map(|block| block.split_once("```").unwrap().0)
        .filter(|block| block.contains("\ntest \""))
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        place.write("example.etcdrb", block.as_bytes());
        let said = tested(&place, &["example.etcdrb"]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    }
}
