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
