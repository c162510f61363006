//! `--step` and `--start-at-step`.

use std::time::{Duration, Instant};

use crate::support::{Own, Terminal};

const RUNBOOK: &str = "\
runbook NAME {
  about \"Writes thrice.\"
  edition 1

  param dir: path \"where\"

  target hosts = group(web)

  step \"First\" on hosts parallel {
    template \"note.j2\" to \"{dir}/{host.name}.1\" mode 0644
  }
  step \"Second\" on hosts parallel {
    template \"note.j2\" to \"{dir}/{host.name}.2\" mode 0644
  }
  step \"Third\" on hosts parallel {
    template \"note.j2\" to \"{dir}/{host.name}.3\" mode 0644
  }
}
";

const HOSTS: &str = "[web]\nh1\nh2\n\n[web:vars]\nansible_connection=local\n";
const EXEC: [&str; 6] = ["exec", "own.etcdrb", "-i", "web.inv", "-e", "dir=."];
const QUESTION: &str = "(c)ontinue without asking: ";

fn own() -> Own {
    let own = Own::new("step", RUNBOOK, HOSTS);
    std::fs::create_dir(own.place.path().join("templates")).unwrap();
    own.place.write("templates/note.j2", b"one\n");
    own
}

fn stepping(own: &Own, more: &[&str]) -> Terminal {
    let words = [&EXEC[..], &["--step"], more].concat();
    own.place.on_terminal(&[], &words)
}

#[test]
fn no_stops_there_and_the_run_can_go_on() {
    // Enter alone is a no.
    for answer in ["n", "", "what"] {
        let own = own();
        let mut terminal = stepping(&own, &[]);
        let said = terminal.until(QUESTION);
        assert!(said.contains("step 1 of 3: First, on h1, h2"), "{said}");
        assert!(said.contains("`resume` goes on"), "{said}");
        assert!(!own.has("h1.1"), "nothing is done before the answer");
        terminal.types("y");
        terminal.until("step 2 of 3: Second");
        terminal.until(QUESTION);
        terminal.types(answer);
        let (code, said) = terminal.ends();
        assert_eq!(code, 130, "{said}");
        assert!(said.contains("runbook resume "), "{said}");
        assert!(own.has("h1.1") && own.has("h2.1"), "{said}");
        assert!(!own.has("h1.2") && !own.has("h1.3"), "{said}");
        let said = own.place.runbook(&["resume", "last"]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(own.has("h2.3"));
    }
}

#[test]
fn continue_asks_no_more_also_when_it_is_resumed() {
    for output in ["human", "plain", "quiet", "jsonl"] {
        let own = own();
        let mut terminal = stepping(&own, &["--output", output]);
        terminal.until(QUESTION);
        terminal.types("n");
        assert_eq!(terminal.ends().0, 130);
        let words = ["resume", "last", "--step", "--output", output];
        let mut terminal = own.place.on_terminal(&[], &words);
        terminal.until("step 1 of 3");
        terminal.until(QUESTION);
        terminal.types("c");
        let (code, said) = terminal.ends();
        assert_eq!(code, 0, "{said}");
        assert!(!said.contains("(N)o"), "{said}");
        assert!(own.has("h1.3"));
    }
}

/// Nobody has to press Enter for a command that was told to stop.
#[test]
fn ctrl_c_ends_the_question() {
    let own = own();
    let mut terminal = stepping(&own, &[]);
    terminal.until(QUESTION);
    let asked = Instant::now();
    terminal.interrupt();
    let (code, said) = terminal.ends();
    assert_eq!(code, 130, "{said}");
    assert!(asked.elapsed() < Duration::from_secs(20), "{said}");
    assert!(said.contains("runbook resume "), "{said}");
    assert!(!own.has("h1.1"));
}

#[test]
fn steps_are_asked_about_on_a_terminal_only() {
    let own = own();
    let step = |more: &[&str]| own.place.runbook(&[&EXEC[..], &["--step"], more].concat());
    step(&[]).refuses(64, &["--step", "no terminal"]);
    step(&["-C"]).refuses(64, &["cannot be used with"]);
    let resume = own.place.runbook(&["resume", "last", "--step"]);
    resume.refuses(64, &["--step", "no terminal"]);
    assert!(!own.has("h1.1"));
}

fn start_at(own: &Own, step: &str, more: &[&str]) -> crate::support::Said {
    let words = [&EXEC[..], &["--start-at-step", step, "-q"], more].concat();
    own.place.runbook(&words)
}

#[test]
fn a_run_starts_at_a_step_only_where_all_before_it_is_so() {
    let own = own();
    for name in ["h1.1", "h2.1", "h1.2"] {
        own.place.write(name, b"one\n");
    }
    let before = own.place.tree();
    for step in ["Third", "3"] {
        for more in [&[][..], &["-C"]] {
            let says = ["step 3 `Third`", "step 2 `Second`", "not already so on h2"];
            let said = start_at(&own, step, more);
            said.refuses(3, &says);
            said.refuses(3, &["`runbook resume RUN`", "nothing was changed"]);
        }
    }
    let mut after = own.place.tree();
    after.retain(|path, _| before.contains_key(path));
    assert!(!own.has("h2.2") && after == before, "something was written");
    let said = start_at(&own, "Second", &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(own.has("h2.2") && own.has("h2.3"));
}

#[test]
fn a_step_that_the_runbook_has_not_is_bad_input() {
    let own = own();
    start_at(&own, "Secnd", &[]).refuses(
        10,
        &[
            "no step `Secnd`",
            "did you mean `Second`?",
            "1 First, 2 Second, 3 Third",
        ],
    );
    start_at(&own, "7", &[]).refuses(10, &["no step `7`"]);
    assert!(!own.has("h1.1"));
}
