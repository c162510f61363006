//! Runbooks that import procedures.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Place, Said};

const RUNBOOK: &str = "\
import \"lib/own.etcdrb\"

runbook NAME {
  about \"Writes a note.\"
  edition 1

  target hosts = group(web)

  note(hosts, \"first\")

  on failure { pause }
}
";

const LIBRARY: &str = "\
edition 1

procedure note(hosts: target, text: string) \"Writes a note on every host.\" {
  step \"Write {text}\" on hosts parallel {
    shell \"echo {text} > {host.name}.note\" creates \"/nonexistent\"
  }
}
";

/// A directory with a runbook that imports, of a name that no other test's receipts have.
struct Desk {
    place: Place,
    name: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(PathBuf::from("/var/lib/runbook").join(&self.name));
    }
}

impl Desk {
    fn new() -> Self {
        let place = Place::new();
        let dir = place.path().file_name().unwrap().to_str().unwrap();
        let letters: String = dir.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("imports_{letters}");
        fs::create_dir_all(place.path().join("lib")).unwrap();
        let text = RUNBOOK.replace("NAME", &name);
        place.write("own.etcdrb", text.as_bytes());
        place.write("lib/own.etcdrb", LIBRARY.as_bytes());
        place.write(
            "web.inv",
            b"[web]\nh1\nh2\n\n[web:vars]\nansible_connection=local\n",
        );
        Self { place, name }
    }

    fn library(&self, text: &str) {
        self.place.write("lib/own.etcdrb", text.as_bytes());
    }

    fn runbook(&self, words: &[&str]) -> Said {
        self.place.runbook(words)
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.place.path().join(name)).ok()
    }
}

#[test]
fn check_and_fmt_read_libraries() {
    let desk = Desk::new();
    for file in ["own.etcdrb", "lib/own.etcdrb"] {
        let said = desk.runbook(&["check", file]);
        assert!(said.code == 0 && said.err.contains("good"), "{}", said.err);
    }
    desk.library(
        &LIBRARY
            .replace("  step", "step")
            .replace("target,", "target  ,"),
    );
    assert_eq!(desk.runbook(&["fmt", "--check", "lib/own.etcdrb"]).code, 10);
    assert_eq!(desk.runbook(&["fmt", "lib/own.etcdrb"]).code, 0);
    assert_eq!(desk.file("lib/own.etcdrb").unwrap(), LIBRARY);
}

#[test]
fn an_error_in_a_library_is_shown_in_its_file() {
    let desk = Desk::new();
    desk.library(&LIBRARY.replace("shell", "shel"));
    let said = desk.runbook(&["check", "own.etcdrb"]);
    said.refuses(
        10,
        &["lib/own.etcdrb:5:5", "did you mean `shell`?", "1 error"],
    );
    let said = desk.runbook(&["exec", "own.etcdrb", "-i", "web.inv"]);
    said.refuses(10, &["lib/own.etcdrb:5:5"]);

    // What is owed only because of the call names both places, also as data.
    desk.library(&LIBRARY.replace(
        "shell \"echo {text} > {host.name}.note\" creates \"/nonexistent\"",
        "service \"{text}\" stopped",
    ));
    let own = desk.file("own.etcdrb").unwrap();
    desk.place
        .write("own.etcdrb", own.replace("first", "etcd").as_bytes());
    let said = desk.runbook(&["check", "own.etcdrb"]);
    said.refuses(
        10,
        &[
            "members stop outside an outage",
            "lib/own.etcdrb:5:5",
            "called here",
            "own.etcdrb:9:3",
        ],
    );
    let said = desk.runbook(&["check", "own.etcdrb", "--format", "json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let files: Vec<&str> = found[0]["labels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|l| l["file"].as_str())
        .collect();
    assert_eq!(files, ["lib/own.etcdrb", "lib/own.etcdrb", "own.etcdrb"]);
}

#[test]
fn imports_reach_nothing_outside_and_say_where_they_looked() {
    let desk = Desk::new();
    for (path, says) in [
        ("../secret.etcdrb", "leads out of the directory"),
        ("/etc/passwd.etcdrb", "begins outside of the directory"),
        ("lib", "files of the language end in `.etcdrb`"),
        ("lib/none.etcdrb", "not found in"),
    ] {
        let text = RUNBOOK.replace("lib/own.etcdrb", path);
        desk.place.write("other.etcdrb", text.as_bytes());
        desk.runbook(&["check", "other.etcdrb"])
            .refuses(10, &[path, says]);
    }
    let said = desk.runbook(&["check", "other.etcdrb"]);
    said.refuses(10, &["the shipped ones (lib/members.etcdrb"]);
    // A pipe would never end.
    let pipe = desk.place.path().join("lib/none.etcdrb");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.unwrap().success());
    desk.runbook(&["check", "other.etcdrb"])
        .refuses(10, &["not found in"]);
}

#[test]
fn a_library_is_imported_and_not_carried_out() {
    let desk = Desk::new();
    let said = desk.runbook(&["exec", "lib/own.etcdrb", "-i", "web.inv"]);
    said.refuses(10, &["the file is a library", "import it into a runbook"]);
}

#[test]
fn the_shipped_library_is_found_from_anywhere() {
    let desk = Desk::new();
    let text = RUNBOOK
        .replace("lib/own.etcdrb", "lib/members.etcdrb")
        .replace("note(hosts, \"first\")", "verify-members(hosts)");
    desk.place.write("other.etcdrb", text.as_bytes());
    assert_eq!(desk.runbook(&["check", "other.etcdrb"]).code, 0);
    let said = desk.runbook(&["view"]);
    assert!(
        said.out.contains("restart-rolling, verify-members"),
        "{}",
        said.out
    );
    // One of the same path beside the runbook comes first.
    desk.place.write("lib/members.etcdrb", LIBRARY.as_bytes());
    desk.runbook(&["check", "other.etcdrb"])
        .refuses(10, &["no procedure is called `verify-members`"]);
}

#[test]
fn what_a_procedure_says_is_done() {
    let desk = Desk::new();
    let said = desk.runbook(&["exec", "own.etcdrb", "-i", "web.inv", "--yes"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(desk.file("h2.note").as_deref(), Some("first\n"));
}

#[test]
fn a_failure_points_at_the_line_of_the_library() {
    let desk = Desk::new();
    desk.library(&LIBRARY.replace("echo {text} >", "exit 7; echo {text} >"));
    let said = desk.runbook(&["exec", "own.etcdrb", "-i", "web.inv", "--yes"]);
    said.refuses(2, &["lib/own.etcdrb:5:5", "exit 7"]);
    let page = desk.runbook(&["show", "last", "--format", "markdown"]);
    assert!(page.out.contains("lib/own.etcdrb:5"), "{}", page.out);
}

#[test]
fn a_saved_plan_is_stale_once_an_import_was_edited() {
    let desk = Desk::new();
    let save = |desk: &Desk| {
        let said = desk.runbook(&["plan", "own.etcdrb", "-i", "web.inv", "-o", "a.plan"]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    };
    save(&desk);
    desk.library(&format!("# edited\n{LIBRARY}"));
    let said = desk.runbook(&["exec", "a.plan", "--yes"]);
    said.refuses(
        8,
        &["import", "lib/own.etcdrb: sha256", "+# edited", "stale"],
    );
    desk.library("this does not even parse");
    desk.runbook(&["exec", "a.plan", "--yes"])
        .refuses(8, &["lib/own.etcdrb: sha256"]);
    fs::remove_file(desk.place.path().join("lib/own.etcdrb")).unwrap();
    desk.runbook(&["exec", "a.plan", "--yes"])
        .refuses(8, &["lib/own.etcdrb"]);
    assert_eq!(desk.file("h1.note"), None);

    desk.library(LIBRARY);
    save(&desk);
    let said = desk.runbook(&["exec", "a.plan", "--yes"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(desk.file("h1.note").as_deref(), Some("first\n"));
}

#[test]
fn a_saved_plan_of_a_shipped_runbook_keeps_its_library() {
    let desk = Desk::new();
    let inventory = "-i";
    let said = desk.runbook(&[
        "plan",
        "rolling-restart",
        inventory,
        "local.inv",
        "-o",
        "a.plan",
    ]);
    assert_eq!(said.code, 3, "nobody runs there: {}", said.err);
    let plan = desk.file("a.plan").unwrap();
    assert!(plan.contains("embedded:lib/members.etcdrb"), "{plan}");
    let said = desk.runbook(&["exec", "a.plan", "-C"]);
    assert!(
        !said.err.contains("sha256"),
        "no text differs: {}",
        said.err
    );
}
