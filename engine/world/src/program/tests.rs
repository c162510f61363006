use super::probe::SOURCES;

/// Read-only by construction: no statement in a probe's program can write.
#[test]
fn a_probe_has_no_writing_statement() {
    for source in SOURCES {
        for line in source.lines().filter(|l| !l.trim_start().starts_with('#')) {
            let quiet = line
                .replace("2>&1", "")
                .replace("2>/dev/null", "")
                .replace(">/dev/null", "");
            assert!(
                !quiet.contains('>') || quiet.contains("sed -n"),
                "a redirection in a probe: {line}"
            );
            let words: Vec<&str> = line
                .split(|c: char| !c.is_ascii_alphanumeric() && !"-_$".contains(c))
                .collect();
            for writer in [
                "rm", "mv", "cp", "ln", "mkdir", "touch", "tee", "chmod", "chown", "dd",
                "truncate", "mkfifo", "sync",
            ] {
                assert!(!words.contains(&writer), "`{writer}` in a probe: {line}");
            }
        }
    }
}

/// `mv` goes on behind a file that it cannot rename: what is in place is told, what is not has failed.
#[test]
fn of_files_renamed_together_each_is_told_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (aside, state) = (
        dir.path().join(".runbook-r1-h1.d"),
        dir.path().join("state"),
    );
    std::fs::create_dir(&aside).unwrap();
    std::fs::create_dir_all(state.join("runs/r1")).unwrap();
    let mut script = [
        super::PRELUDE,
        include_str!("sh/action.sh"),
        include_str!("sh/files.sh"),
    ]
    .concat();
    script.push_str(&format!(
        "N=n RUN=r1 HOST=h1 S={0} D={0}\nmv() {{ shift 4; for f do case $f in */two) ;; *) command mv \"$f\" {1} ;; esac; done; return 1; }}\n",
        state.display(),
        dir.path().display()
    ));
    for (at, name) in ["one", "two", "three"].iter().enumerate() {
        std::fs::write(aside.join(name), name).unwrap();
        script.push_str(&format!(
            "f{at}() {{ \"$1\" {}/{name}; }}\n",
            dir.path().display()
        ));
    }
    std::fs::write(state.join("files"), "0 new\n1 new\n2 new\n").unwrap();
    script.push_str(
        "sync() { :; }\n( trap 'rc=$?; [ \"$rc\" = 0 ] || ended \"$rc\"' EXIT; rename_files 0 1 2; exit 0 )\n",
    );
    let said = std::process::Command::new("/bin/sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let heads: Vec<&str> = said.lines().filter_map(|l| l.strip_prefix("n ")).collect();
    assert_eq!(
        heads,
        ["end 0 10", "end 2 10", "end 1 3", "reason 1 1"],
        "{said}"
    );
    assert!(dir.path().join("three").exists() && !dir.path().join("two").exists());
}
