//! `-v`, `-vv`, `-vvv`: more is told, never a secret, and never to a program that reads standard output.

use serde_json::Value;

use crate::again::with_sudo;
use crate::support::Own;

const RUNBOOK: &str = "\
runbook NAME {
  about \"Writes a note.\"
  edition 1

  param dir: path \"where\"
  param password: secret? \"of a step that no host takes\"

  target hosts = group(web)
  target nobody = group(ungrouped) expect any

  step \"Write\" on hosts parallel {
    template \"note.j2\" to \"{dir}/{host.name}.note\" mode 0640
  }
  step \"Say\" on hosts parallel {
    shell \"echo hello-from-here\" changes nothing
  }
  step \"Lock\" on nobody {
    template \"lock.j2\" to \"/srv/lock\" mode 0600
  }
}
";

const HOSTS: &str = "[web]\nh1\nh2\n\n[web:vars]\nansible_connection=local\n";

fn own(inventory: &str) -> Own {
    let own = Own::new("verbose", RUNBOOK, inventory);
    std::fs::create_dir(own.place.path().join("templates")).unwrap();
    own.place.write("templates/note.j2", b"one\n");
    own.place.write("templates/lock.j2", b"{{ password }}\n");
    own.place.write("h2.note", b"one\n");
    own
}

const EXEC: [&str; 6] = ["exec", "own.etcdrb", "-i", "web.inv", "-e", "dir=."];

#[test]
fn each_level_tells_more() {
    let told = |more: &[&str]| {
        let own = own(HOSTS);
        let said = own.place.runbook(&[&EXEC[..], more].concat());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert_eq!(said.out, "");
        said.err
    };
    let (none, one, two, three) = (told(&[]), told(&["-v"]), told(&["-vv"]), told(&["-vvv"]));
    let results = "h1: changed    write ";
    for (text, there) in [(&none, false), (&one, true), (&two, true), (&three, true)] {
        assert_eq!(text.contains(results), there, "{text}");
        assert_eq!(text.contains("(absent -> "), there, "{text}");
    }
    for words in [
        "h1: $ sh -c echo hello-from-here",
        "step 1 took ",
        "h1: | hello-from-here",
    ] {
        for (text, there) in [(&one, false), (&two, true), (&three, true)] {
            assert_eq!(text.contains(words), there, "`{words}`: {text}");
        }
    }
    for (text, there) in [(&two, false), (&three, true)] {
        assert_eq!(
            text.contains("h1: a shell on this machine"),
            there,
            "{text}"
        );
    }
}

#[test]
fn what_a_program_reads_stays_as_it_is() {
    let kinds = |more: &[&str]| {
        let own = own(HOSTS);
        let words = [&EXEC[..], &["--output", "jsonl"], more].concat();
        let said = own.place.runbook(&words);
        assert_eq!(said.code, 0, "{}", said.err);
        let kind = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["event"]["event"].as_str().unwrap().to_owned()
        };
        let mut kinds: Vec<_> = said.out.lines().map(kind).collect();
        // Two hosts answer in any order; output is live.
        kinds.retain(|k| !["output", "action-started"].contains(&k.as_str()));
        kinds
    };
    assert_eq!(kinds(&[]), kinds(&["-vvv"]));
}

#[test]
fn a_secret_is_told_at_no_level() {
    let inventory = format!("{HOSTS}ansible_become=true\nansible_become_password=canary-5d1\n");
    let own = own(&inventory);
    let path = with_sudo(&own);
    let words = [&EXEC[..], &["-e", "password=canary-77e1", "-vvvv"]].concat();
    let said = own.place.runbook_with(&[("PATH", path.as_str())], &words);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.err
            .contains("h1: sudo to root, which is given a password"),
        "{}",
        said.err
    );
    for secret in ["canary-5d1", "canary-77e1"] {
        assert!(!said.err.contains(secret), "{}", said.err);
        assert!(!said.out.contains(secret), "{}", said.out);
    }
}

/// Nothing listens there: what was tried is seen, without what may be secret in it.
#[test]
fn the_words_of_ssh_are_told_without_what_may_be_secret() {
    let inventory = "\
[web]
h1 ansible_host=127.0.0.1 ansible_port=1 ansible_user=ann ansible_ssh_common_args='-o SetEnv=TOKEN=canary-9 -o LogLevel=ERROR'
";
    let own = own(inventory);
    let said = own
        .place
        .runbook(&["plan", "own.etcdrb", "-i", "web.inv", "-e", "dir=.", "-vvv"]);
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    let line = said.err.lines().find(|l| l.starts_with("h1: ssh "));
    let line = line.unwrap_or_else(|| panic!("{}", said.err));
    for words in ["-p 1", "-l ann", "SetEnv=********", "-- 127.0.0.1"] {
        assert!(line.contains(words), "`{words}`: {line}");
    }
    assert!(!said.err.contains("canary-9"), "{}", said.err);
}
