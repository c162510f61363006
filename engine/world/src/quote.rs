//! The one place where data becomes shell text. Nothing else in this crate puts a value into a program.

/// Data holds a NUL byte, which no shell word can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value holds a NUL byte, which no command line and no file name can carry")]
pub struct NulByte;

/// One POSIX shell word that stands for exactly these bytes, whatever they are.
///
/// # Errors
/// A NUL byte.
pub fn word(value: &str) -> Result<String, NulByte> {
    if value.contains('\0') {
        return Err(NulByte);
    }
    // Between single quotes every byte but the quote itself is literal in every POSIX shell.
    Ok(format!("'{}'", value.replace('\'', "'\\''")))
}

/// Several words, separated by blanks.
///
/// # Errors
/// A NUL byte in one of them.
pub fn words<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Result<String, NulByte> {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word(value.as_ref())?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// What the host's shell makes of the words, each followed by a NUL, through the same two steps that a program takes.
    fn echo(values: &[String]) -> Vec<u8> {
        let program = format!("printf '%s\\0' {}", words(values).unwrap());
        let sent = format!("eval {}", word(&program).unwrap());
        let out = Command::new("/bin/sh")
            .arg("-c")
            .arg(sent)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        out.stdout
    }

    fn expected(values: &[String]) -> Vec<u8> {
        values.iter().flat_map(|v| v.bytes().chain([0])).collect()
    }

    #[test]
    fn hostile_words_stay_words() {
        let values: Vec<String> = [
            "",
            "x; rm -rf /",
            "$(touch /tmp/x)",
            "`id`",
            "'; rm -rf /; '",
            "\"",
            "\\",
            "\\'",
            "-n",
            "--",
            "-oProxyCommand=id",
            "a\nb\n",
            "\n",
            "*",
            "~root",
            "$HOME",
            "!!",
            "a\tb",
            "é€𝄞",
            "\u{81}\u{88}",
            "\r",
            "\u{7f}\u{1b}[31m",
            "{a,b}",
            "#x",
            "&",
        ]
        .iter()
        .map(|s| (*s).to_owned())
        .collect();
        assert_eq!(echo(&values), expected(&values));
    }

    #[test]
    fn a_word_of_100_kb_survives() {
        let values = vec!["'$x\n".repeat(12_500)];
        let program = format!("printf '%s\\0' {}", words(&values).unwrap());
        let mut sh = Command::new("/bin/sh")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut sh.stdin.take().unwrap(), program.as_bytes()).unwrap();
        assert_eq!(sh.wait_with_output().unwrap().stdout, expected(&values));
    }

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(word("a\0b"), Err(NulByte));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_words_survive(values in proptest::collection::vec("[^\0]{0,40}", 1..8)) {
            prop_assert_eq!(echo(&values), expected(&values));
        }

        #[test]
        fn shell_signs_survive(values in proptest::collection::vec("[-'\"$`\\\\(){}\n;&|<>*?~#! a]{0,30}", 1..8)) {
            prop_assert_eq!(echo(&values), expected(&values));
        }
    }
}
