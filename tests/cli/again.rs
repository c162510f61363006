//! `resume`, `rollback`, `unlock`: the journal knows which hosts are meant, as long as the inventory means the same.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Own, PATH};

const RUNBOOK: &str = "\
runbook NAME {
  about \"Writes twice, where it may.\"
  edition 1

  param dir: path \"where\"

  target hosts = group(web)

  step \"First\" on hosts parallel {
    template \"first.j2\" to \"{dir}/{host.name}.first\" mode 0644
  }
  step \"Second\" on hosts parallel {
    shell \"test -e {dir}/go && echo x >> {dir}/{host.name}.second\"
  }
}
";

const HOSTS: &str = "[web]\nh1\nh2\n\n[web:vars]\nansible_connection=local\n";

/// A run that failed in its second step, for want of the file `go`.
fn failed(inventory: &[&str], hosts: &str) -> Own {
    let own = Own::new("again", RUNBOOK, hosts);
    fs::create_dir(own.place.path().join("templates")).unwrap();
    own.place.write("templates/first.j2", b"one\n");
    own.place.write("vars.inv", HOSTS.as_bytes());
    fs::create_dir(own.place.path().join("away")).unwrap();
    let words = ["exec", "own.etcdrb", "-e", "dir=.", "-q"];
    let said = own.place.runbook(&[&words[..], inventory].concat());
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    assert!(own.has("h1.first") && !own.has("h1.second"));
    // What is proposed works as it stands.
    let run = run_of(&own);
    let next = format!("runbook resume {run}   #");
    assert!(said.err.contains(&next), "{}", said.err);
    own
}

fn run_of(own: &Own) -> String {
    let said = own.place.runbook(&["runs", "--format", "json"]);
    let runs: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    runs[0]["run"].as_str().unwrap().to_owned()
}

fn journal(own: &Own) -> String {
    let path = format!("state/runs/{}/journal.jsonl", run_of(own));
    fs::read_to_string(own.place.path().join(path)).unwrap()
}

#[test]
fn a_run_goes_on_from_any_directory_without_an_inventory() {
    let own = failed(&["-i", "web.inv"], HOSTS);
    own.place.write("go", b"");
    own.place.write("other.inv", b"[web]\nh9\n");
    let other = own.place.path().join("other.inv");
    // The run's own inventory wins over what the environment would say to a new one.
    let environment = [("RUNBOOK_INVENTORY", other.to_str().unwrap())];
    let said = own
        .place
        .runbook_with(&environment, &["resume", "last", "--output", "plain"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(own.has("h1.second") && own.has("h2.second"));

    let own = failed(&["-i", "web.inv"], HOSTS);
    own.place.write("go", b"");
    let said = own.place.runbook_in("away", &["resume", "last"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn lists_of_hosts_and_several_inventories_are_known_again() {
    let own = failed(&["-i", "h1,", "-i", "vars.inv", "-l", "h1"], HOSTS);
    let recorded = journal(&own);
    let vars = own.place.path().join("vars.inv").canonicalize().unwrap();
    let sources = format!("\"inventory\":[\"h1,\",\"{}\"]", vars.display());
    assert!(recorded.contains(&sources), "{recorded}");
    own.place.write("go", b"");
    let said = own.place.runbook_in("away", &["resume", "last"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(own.has("h1.second") && !own.has("h2.second"));
}

#[test]
fn a_run_is_undone_and_unlocked_without_an_inventory() {
    let own = failed(&["-i", "web.inv"], HOSTS);
    let said = own.place.runbook_in("away", &["unlock", "last"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let said = own.place.runbook_in("away", &["rollback", "last"]);
    // The shell command of the second step has no undo, and failed: the first step's files go.
    assert_eq!(said.code, 5, "{}{}", said.out, said.err);
    assert!(!own.has("h1.first") && !own.has("h2.first"));
}

#[test]
fn an_inventory_that_moved_is_named_and_asked_for() {
    let own = failed(&["-i", "web.inv"], HOSTS);
    own.place.write("go", b"");
    let path = own.place.path();
    fs::rename(path.join("web.inv"), path.join("away/moved.inv")).unwrap();
    for verb in ["resume", "rollback", "unlock"] {
        let said = own.place.runbook(&[verb, "last"]);
        let inventory = path.canonicalize().unwrap().join("web.inv");
        let shown = format!("the inventory `{}`", inventory.display());
        said.refuses(10, &[&shown, "No such file", "`-i INV`"]);
    }
    assert!(!own.has("h1.second"));
    let said = own
        .place
        .runbook_in("away", &["resume", "last", "-i", "moved.inv"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn an_inventory_that_means_something_else_is_refused_unless_it_is_named() {
    let own = failed(&["-i", "web.inv"], HOSTS);
    own.place.write("go", b"");
    let edited = HOSTS.replace("h2\n", "h2 ansible_user=ann\n");
    own.place.write("web.inv", edited.as_bytes());
    let before = journal(&own);
    own.place.runbook(&["resume", "last"]).refuses(
        8,
        &[
            "h2",
            "connection: user not set -> ann",
            "does not mean what it meant",
            "name it: the same command with -i /",
        ],
    );
    assert_eq!(journal(&own), before, "nothing was begun");
    // Named, it is what the operator wants; what differs is told all the same.
    let said = own.place.runbook(&["resume", "last", "-i", "web.inv"]);
    said.refuses(0, &["connection: user not set -> ann"]);
    assert!(own.has("h2.second"));
}

#[test]
fn a_host_that_the_inventory_lost_is_named() {
    let own = failed(&["-i", "web.inv"], HOSTS);
    own.place
        .write("web.inv", HOSTS.replace("h2\n", "").as_bytes());
    own.place.runbook(&["resume", "last"]).refuses(10, &["h2"]);
}

/// A run has no limit but its own: one that is given is no part of the command.
#[test]
fn a_limit_is_not_taken_and_ignored() {
    let own = failed(&["-i", "web.inv"], HOSTS);
    own.place
        .runbook(&["resume", "last", "-l", "h1"])
        .refuses(64, &["-l"]);
}

/// Stands where sudo is looked for: asks for a password as it does, and runs what follows `--`.
const SUDO: &str = "\
#!/bin/sh
while [ \"$1\" != -- ]; do
  case $1 in -p) printf %s \"$2\" >&2; asked=1; shift ;; esac
  shift
done
shift
if [ -n \"$asked\" ]; then read -r said; [ \"$said\" = canary-5d1 ] || exit 1; fi
exec \"$@\"
";

/// A place whose PATH has that sudo first.
pub fn with_sudo(own: &Own) -> String {
    let bin = own.place.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    own.place.write("bin/sudo", SUDO.as_bytes());
    fs::set_permissions(bin.join("sudo"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{PATH}", bin.display())
}

#[test]
fn a_password_is_asked_for_again_and_kept_nowhere() {
    let own = Own::new("again", RUNBOOK, HOSTS);
    fs::create_dir(own.place.path().join("templates")).unwrap();
    own.place.write("templates/first.j2", b"one\n");
    let path = with_sudo(&own);
    let environment = [("PATH", path.as_str())];
    let words = ["exec", "own.etcdrb", "-i", "web.inv", "-e", "dir=."];
    let more = ["-b", "-K", "--output", "plain"];
    let mut terminal = own
        .place
        .on_terminal(&environment, &[&words[..], &more].concat());
    terminal.until("sudo password: ");
    terminal.types("canary-5d1");
    let (code, said) = terminal.ends();
    assert_eq!(code, 2, "{said}");
    assert!(own.has("h1.first"), "{said}");
    own.place.write("go", b"");
    own.place
        .runbook_with(&environment, &["resume", "last"])
        .refuses(64, &["started with -K", "no journal keeps a password"]);
    let mut terminal = own.place.on_terminal(&environment, &["resume", "last"]);
    terminal.until("sudo password: ");
    terminal.types("canary-5d1");
    let (code, said) = terminal.ends();
    assert_eq!(code, 0, "{said}");
    assert!(own.has("h1.second"));
    for (path, bytes) in own.place.tree() {
        let kept = String::from_utf8_lossy(&bytes).contains("canary-5d1");
        assert!(!kept || path.ends_with("bin/sudo"), "{path}");
    }
}
