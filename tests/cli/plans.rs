//! Saved plans: carried out as they were reviewed, once, or refused with words for what differs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use runbook_model::saved::SavedPlan;
use runbook_plan::{read_plan_file, write_plan_file};

use crate::support::{Place, Said};

const RUNBOOK: &str = "\
runbook NAME {
  about \"Writes a note.\"
  edition 1

  param dir:  path \"where the notes stand\"
  param note: string = \"one\" \"what they say\"

  target hosts = group(web)

  step \"Write\" on hosts parallel {
    template \"note.j2\" to \"{dir}/{host.name}.txt\" mode 0640
    upload \"{dir}/payload\" to \"{dir}/{host.name}.bin\"
  }
}
";

const HOSTS: &str = "[web]\nh1\nh2\n\n[web:vars]\nansible_connection=local\n";

/// A place with a runbook of its own name, since local hosts keep their receipts by it outside of the place.
struct Review {
    place: Place,
    name: String,
}

impl Drop for Review {
    fn drop(&mut self) {
        // Where root's runs leave their receipts; a user's are in the place.
        let _ = fs::remove_dir_all(PathBuf::from("/var/lib/runbook").join(&self.name));
    }
}

impl Review {
    fn of(runbook: &str) -> Self {
        let place = Place::new();
        let dir = place.path().file_name().unwrap().to_str().unwrap();
        let letters: String = dir.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("review_{letters}");
        place.write("own.etcdrb", runbook.replace("NAME", &name).as_bytes());
        place.write("web.inv", HOSTS.as_bytes());
        place.write("payload", b"first");
        fs::create_dir(place.path().join("templates")).unwrap();
        place.write("templates/note.j2", b"{{ note }}\n");
        place.write("h1.txt", b"zero\n");
        place.write("h1.bin", b"zero");
        Self { place, name }
    }

    fn new() -> Self {
        Self::of(RUNBOOK)
    }

    /// Saves `a.plan`.
    fn saved(self) -> Self {
        let said = self.save("a.plan", &[]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        self
    }

    fn save(&self, file: &str, more: &[&str]) -> Said {
        let words = [
            "plan",
            "own.etcdrb",
            "-i",
            "web.inv",
            "-e",
            "dir=.",
            "-o",
            file,
        ];
        self.place.runbook(&[&words, more].concat())
    }

    fn exec(&self, more: &[&str]) -> Said {
        self.place.runbook(&[&["exec", "a.plan"], more].concat())
    }

    fn file(&self) -> String {
        fs::read_to_string(self.place.path().join("a.plan")).unwrap()
    }

    fn digest(&self) -> String {
        read_plan_file(&self.file()).unwrap().digest
    }

    /// Another plan, as honest as the first: its digest is right.
    fn altered(&self, change: impl FnOnce(&mut SavedPlan)) {
        let mut saved = read_plan_file(&self.file()).unwrap().saved;
        change(&mut saved);
        let (text, _) = write_plan_file(&saved).unwrap();
        self.place.write("a.plan", text.as_bytes());
    }

    /// Refused as stale, in these words; nothing is written but what was written before.
    #[track_caller]
    fn stale(&self, says: &[&str]) {
        let mut before = self.place.tree();
        let said = self.exec(&["--yes"]);
        said.refuses(8, says);
        let mut after = self.place.tree();
        // Control sockets of connections may come and go.
        for tree in [&mut before, &mut after] {
            tree.retain(|path, _| !path.contains("/runbook-"));
        }
        assert_eq!(after, before, "something was written");
    }
}

#[test]
fn a_saved_plan_is_carried_out_once_and_says_by_whom() {
    let review = Review::new();
    let said = review.save("a.plan", &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    let digest = review.digest();
    let command = format!("runbook exec a.plan --digest {digest}");
    assert!(said.err.contains(&command), "{}", said.err);
    assert!(
        said.out.contains("h2.txt"),
        "the plan is shown: {}",
        said.out
    );
    let meta = fs::metadata(review.place.path().join("a.plan")).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);

    // Looking does not use it up.
    let looked = review.exec(&["-C"]);
    assert!(
        looked.code == 0 && looked.out.contains("h2.txt"),
        "{}",
        looked.err
    );
    let done = review.exec(&["--digest", &digest]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let note = fs::read_to_string(review.place.path().join("h2.txt")).unwrap();
    assert_eq!(note, "one\n");
    // The journal tells which plan it was, and the run has the reviewed id.
    let run = read_plan_file(&review.file()).unwrap().saved.plan.run;
    let story = review.place.runbook(&["show", "last"]);
    assert!(story.out.contains(&digest), "{}", story.out);
    assert!(story.out.contains(&run), "{}", story.out);
    review.stale(&["used before", &run, "runbook show", "a plan is used once"]);
}

/// What stands in the ticket names the file's own digest, so that approving the page approves the file.
#[test]
fn a_page_of_a_saved_plan_is_bound_to_its_digest() {
    let review = Review::new();
    for format in ["markdown", "html"] {
        let said = review.save("a.plan", &["--format", format]);
        let command = format!("runbook exec a.plan --digest {}", review.digest());
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.out.contains(&command), "{}", said.out);
        assert!(said.err.contains(&command), "{}", said.err);
    }
}

#[test]
fn hosts_know_a_plan_that_was_used_from_another_machine() {
    // A program of which nobody knows what it changes: no fact tells that it ran.
    let review = Review::of(
        "runbook NAME {\n  about \"Counts.\"\n  edition 1\n  param dir: path \"where\"\n  target hosts = group(web)\n  \
         step \"Count\" on hosts rolling 1 {\n    shell \"echo x >> {dir}/count\"\n  }\n}\n",
    )
    .saved();
    let done = review.exec(&["--yes"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let count = || fs::read_to_string(review.place.path().join("count")).unwrap();
    assert_eq!(count(), "x\nx\n");
    // The other machine has no mark and no journal of it.
    let path = review.place.path();
    fs::rename(path.join("state"), path.join("elsewhere")).unwrap();
    let said = review.exec(&["--yes"]);
    said.refuses(8, &["used before", "h1, h2", "another machine"]);
    assert_eq!(count(), "x\nx\n");
}

#[test]
fn it_runs_from_any_directory() {
    let review = Review::new().saved();
    let away = review.place.path().join("away");
    fs::create_dir(&away).unwrap();
    let said = review.place.runbook_in("away", &["exec", "../a.plan"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(review.place.path().join("h2.txt").exists());
}

#[test]
fn what_changed_on_a_host_is_told_by_host_and_thing() {
    let review = Review::new().saved();
    review.place.write("h1.txt", b"other\n");
    review.stale(&[
        "h1",
        "h1.txt: sha256",
        "the plan is stale",
        "make a new one: runbook plan",
    ]);

    let review = Review::new().saved();
    let file = review.place.path().join("h1.txt");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    review.stale(&["h1.txt: mode 0644 -> 0600"]);

    let review = Review::new().saved();
    fs::remove_file(review.place.path().join("h1.bin")).unwrap();
    review.stale(&["h1.bin: kind file -> absent"]);
}

#[test]
fn texts_that_were_edited_are_shown_as_they_differ() {
    let review = Review::new().saved();
    let text = RUNBOOK
        .replace("NAME", &review.name)
        .replace("\"one\"", "\"two\"");
    review.place.write("own.etcdrb", text.as_bytes());
    review.stale(&[
        "this machine",
        "own.etcdrb: sha256",
        "- param note: string = \"one\"",
        "+ param note",
    ]);

    let review = Review::new().saved();
    review
        .place
        .write("own.etcdrb", b"this does not even check");
    review.stale(&["runbook", "own.etcdrb: sha256"]);

    let review = Review::new().saved();
    review.place.write("templates/note.j2", b"two {{ note }}\n");
    review.stale(&["template", "note.j2: sha256"]);
}

#[test]
fn what_changed_on_this_machine_is_told_before_a_host_is_contacted() {
    let review = Review::new().saved();
    review.place.write("payload", b"second");
    review.stale(&["this machine", "file to upload", "payload: sha256"]);

    let review = Review::new().saved();
    fs::remove_file(review.place.path().join("payload")).unwrap();
    review.stale(&["file to upload", "payload: sha256", "No such file"]);

    let review = Review::new().saved();
    let inventory = HOSTS.replace("h2\n", "h2 ansible_host=192.0.2.9\n");
    review.place.write("web.inv", inventory.as_bytes());
    review.stale(&[
        "inventory: sha256",
        "h2",
        "connection: address h2 -> 192.0.2.9",
    ]);

    let review = Review::new().saved();
    review
        .place
        .write("web.inv", HOSTS.replace("h2\n", "").as_bytes());
    review.stale(&["inventory", "h2", "host: part of it -> (none)"]);

    let review = Review::new().saved();
    review
        .place
        .write("web.inv", HOSTS.replace("[web", "[other").as_bytes());
    review.stale(&["the plan is stale", "cannot be made", "web"]);
}

#[test]
fn an_inventory_that_means_the_same_is_no_drift() {
    let review = Review::new().saved();
    review
        .place
        .write("other.inv", format!("# another file\n{HOSTS}").as_bytes());
    assert_eq!(review.exec(&["-i", "other.inv", "-C"]).code, 0);
    let said = review.exec(&["-i", "local.inv", "-C"]);
    said.refuses(8, &["the plan is stale"]);
}

#[test]
fn a_parameter_of_the_inventory_is_told_by_its_name() {
    let review = Review::new();
    review
        .place
        .write("web.inv", format!("{HOSTS}note=two\n").as_bytes());
    let review = review.saved();
    review
        .place
        .write("web.inv", format!("{HOSTS}note=three\n").as_bytes());
    review.stale(&["parameter note: value two -> three", "h1.txt: content"]);
}

#[test]
fn members_and_what_they_need_are_watched() {
    let place = Place::new();
    let plan = |more: &[&str]| {
        let words = ["plan", "deploy", "-i", "local.inv", "-o", "a.plan"];
        let said = place.runbook(&[&words[..], more].concat());
        assert!([0, 3].contains(&said.code), "{}", said.err);
    };
    let tool = |version: &str| {
        let bin = place.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        let text = format!("#!/bin/sh\necho 'etcd Version: {version}'\n");
        place.write("bin/etcd", text.as_bytes());
        fs::set_permissions(bin.join("etcd"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let inventory = format!("{}etcd_bin_dir=bin\n", crate::support::INVENTORY);
    place.write("local.inv", inventory.as_bytes());
    tool("3.5.16");
    plan(&[]);
    tool("3.5.17");
    let said = place.runbook(&["exec", "a.plan"]);
    said.refuses(8, &["etcd1", "bin/etcd: version 3.5.16 -> 3.5.17"]);

    plan(&[]);
    fs::create_dir_all(place.path().join("two/data/member")).unwrap();
    let said = place.runbook(&["exec", "a.plan"]);
    said.refuses(8, &["etcd2", "two/data: holds absent -> a member"]);

    plan(&[]);
    place.write("local.inv", inventory.replace("13580", "14580").as_bytes());
    let said = place.runbook(&["exec", "a.plan"]);
    said.refuses(8, &["etcd3", "inventory: peer_port 13580 -> 14580"]);
}

#[test]
fn a_snapshot_that_is_another_one_now_is_told() {
    let place = Place::new();
    let whole = place.snapshot("good.db");
    let words = [
        "plan",
        "restore",
        "-i",
        "local.inv",
        "-e",
        "snapshot=good.db",
    ];
    let said = place.runbook(&[&words[..], &["-o", "a.plan"]].concat());
    assert!(place.path().join("a.plan").exists(), "{}", said.err);
    place.write("good.db", &whole[..whole.len() - 4096]);
    let said = place.runbook(&["exec", "a.plan", "--yes"]);
    said.refuses(8, &["this machine", "good.db: sha256"]);
}

#[test]
fn a_plan_that_is_not_what_was_approved_is_refused() {
    let review = Review::new().saved();
    let wrong = "0".repeat(64);
    review
        .exec(&["--digest", &wrong])
        .refuses(8, &[&wrong, &review.digest()]);
    let text = review.file();
    review.place.write(
        "a.plan",
        text.replace("0640", "0666")
            .replace("416", "438")
            .as_bytes(),
    );
    review
        .exec(&[])
        .refuses(8, &["edited or damaged", "reviewed"]);
    // Reformatted, it is the same plan.
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    review.place.write("a.plan", json.to_string().as_bytes());
    assert_eq!(review.exec(&["-C"]).code, 0);
    // Cut short, or something else, it is none.
    review
        .place
        .write("a.plan", &text.as_bytes()[..text.len() / 2]);
    review.exec(&[]).refuses(10, &["it is no plan file"]);
    review.place.write("a.plan", b"{}");
    review.exec(&[]).refuses(10, &["it is no plan file"]);
    review.place.write(
        "a.plan",
        text.replace(
            "\"version\": 1,\n  \"sha256\"",
            "\"version\": 2,\n  \"sha256\"",
        )
        .as_bytes(),
    );
    review.exec(&[]).refuses(10, &["format 2"]);
}

#[test]
fn age_and_tool_count() {
    let review = Review::new().saved();
    review.altered(|saved| saved.expires_s = saved.made_s);
    review.stale(&["expired at", "make a new one"]);
    let review = Review::new().saved();
    review.altered(|saved| "0.0.1".clone_into(&mut saved.plan.tool));
    review.stale(&["made by runbook 0.0.1"]);
    let review = Review::new();
    review
        .save("a.plan", &["--valid-for", "soon"])
        .refuses(64, &["--valid-for soon"]);
    assert_eq!(review.save("a.plan", &["--valid-for", "2d"]).code, 0);
    let saved = read_plan_file(&review.file()).unwrap().saved;
    assert_eq!(saved.expires_s - saved.made_s, 2 * 86_400);
}

#[test]
fn only_a_plan_file_is_ever_replaced() {
    let review = Review::new();
    for name in ["own.etcdrb", "templates", "nowhere/a.plan"] {
        let before = fs::read(review.place.path().join(name)).unwrap_or_default();
        review.save(name, &[]).refuses(10, &["cannot write", name]);
        let after = fs::read(review.place.path().join(name)).unwrap_or_default();
        assert_eq!(after, before);
    }
    assert!(
        !review
            .place
            .tree()
            .keys()
            .any(|path| path.ends_with(".part"))
    );
}

#[test]
fn this_machine_and_this_boot_are_part_of_a_plan() {
    for property in ["machine id", "boot id"] {
        let review = Review::new().saved();
        review.altered(|saved| {
            for things in saved.facts.hosts.values_mut() {
                let host = things.get_mut("host").unwrap();
                "another".clone_into(host.get_mut(property).unwrap());
            }
        });
        review.stale(&["h1", &format!("host: {property} another ->")]);
    }
}

#[test]
fn a_secret_is_in_no_plan_file_and_is_asked_for_again() {
    const CANARY: &str = "canary-77e1";
    // A step that no host takes: what a secret does in a plan is told elsewhere.
    let text = RUNBOOK
        .replace("  param note", "  param password: secret \"of the notes\"\n  param note")
        .replace("\n  step", "\n  target nobody = group(ungrouped) expect any\n  step")
        .replace("  }\n}\n", "  }\n  step \"Lock\" on nobody {\n    template \"lock.j2\" to \"/srv/lock\" mode 0600\n  }\n}\n");
    let review = Review::of(&text);
    review.place.write("templates/lock.j2", b"{{ password }}\n");
    let secret = format!("password={CANARY}");
    let said = review.save("a.plan", &["-e", &secret]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("-e password=SECRET"), "{}", said.err);
    assert!(!review.file().contains(CANARY));
    review
        .exec(&[])
        .refuses(10, &["needs the secret `password`", "-e password=SECRET"]);
    assert_eq!(review.exec(&["-C", "-e", &secret]).code, 0);
    review
        .exec(&["-e", &secret, "-e", "note=x"])
        .refuses(64, &["brings its own parameters"]);
    let done = review.exec(&["-e", &secret]);
    assert_eq!(done.code, 0, "{}", done.err);
    for (path, bytes) in review.place.tree() {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{path}");
    }
}

#[test]
fn what_decides_a_plan_cannot_be_given_again() {
    let review = Review::new().saved();
    for (words, says) in [
        (&["-l", "h1"][..], "--limit"),
        (&["-e", "note=x"], "parameters"),
        (&["--override", "x", "--reason", "y"], "--override"),
    ] {
        review.exec(words).refuses(64, &["brings its own", says]);
    }
    let place = &review.place;
    place
        .runbook(&["exec", "own.etcdrb", "-i", "web.inv", "--digest", "x"])
        .refuses(64, &["is no saved plan"]);
    place
        .runbook(&["plan", "a.plan", "-i", "web.inv"])
        .refuses(64, &["is no runbook but a saved plan"]);
    assert_eq!(place.runbook(&["plan"]).code, 64);
}

#[test]
fn two_plans_are_compared() {
    let review = Review::new().saved();
    let diff = |second: &str| review.place.runbook(&["plan", "diff", "a.plan", second]);
    assert_eq!(review.save("b.plan", &[]).code, 0);
    let same = diff("b.plan");
    assert_eq!(same.code, 0, "{}{}", same.out, same.err);

    review.place.write(
        "own.etcdrb",
        RUNBOOK
            .replace("NAME", &review.name)
            .replace("0640", "0600")
            .as_bytes(),
    );
    assert_eq!(
        review.save("b.plan", &["-e", "note=two", "-l", "h1"]).code,
        0
    );
    let other = diff("b.plan");
    assert_eq!(other.code, 20, "{}", other.err);
    for words in [
        "parameter note: value one -> two",
        "limit: (none) -> h1",
        "works on h1, h2 -> h1",
        "access mode 0640 -> 0600",
        "h1.txt: content ",
        "h2.txt: changes -> (none)",
        "own.etcdrb: sha256",
        "-    template \"note.j2\" to \"{dir}/{host.name}.txt\" mode 0640",
    ] {
        assert!(
            other.out.contains(words),
            "`{words}` is not in:\n{}",
            other.out
        );
    }
    assert_eq!(diff("nothing.plan").code, 10);
}

/// Apart from time and run id.
#[test]
fn the_same_inputs_give_the_same_file() {
    let review = Review::new();
    let text = |file: &str| {
        assert_eq!(review.save(file, &[]).code, 0);
        let text = fs::read_to_string(review.place.path().join(file)).unwrap();
        let mut saved = read_plan_file(&text).unwrap().saved;
        (saved.made_s, saved.expires_s) = (0, 0);
        let run = saved.plan.run.clone();
        write_plan_file(&saved).unwrap().0.replace(&run, "RUN")
    };
    let without_digest = |text: String| {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("  \"sha256\""));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        without_digest(text("a.plan")),
        without_digest(text("b.plan"))
    );
}

/// A host is compared with a size before any etcd is there: a table of what is required and found, exit code 3, and nothing is written.
#[test]
fn a_host_that_is_too_small_is_refused_with_a_table() {
    let place = Place::new();
    place.write(
        "one.inv",
        b"[etcd]\ne1 ansible_connection=local etcd_address=127.0.0.1 etcd_service_manager=process etcd_client_port=39979 etcd_peer_port=39980\n",
    );
    // Loopback has no speed, so that no machine fits.
    let said = place.runbook(&[
        "plan",
        "preflight.etcdrb",
        "-i",
        "one.inv",
        "-e",
        "size=xlarge",
    ]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = said.out.lines().map(words).collect();
    let begins = |text: &str| rows.iter().find(|row| row.starts_with(text));
    for row in [
        "e1 cores 16 ",
        "e1 memory 64.0 GB ",
        "e1 disk 500.0 GB ",
        "e1 disk kind NVMe ",
    ] {
        assert!(begins(row).is_some(), "{row}: {}", said.out);
    }
    let network = begins("e1 network 10.0 Gbit/s ");
    assert!(
        network.is_some_and(|row| row.ends_with("UNKNOWN")),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("--override too-small --reason TEXT"),
        "{}",
        said.out
    );
    place
        .runbook(&[
            "plan",
            "preflight.etcdrb",
            "-i",
            "one.inv",
            "-e",
            "size=huge",
        ])
        .refuses(10, &["huge", "small"]);
}
