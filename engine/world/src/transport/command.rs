//! The words that start a shell on a host. They are constant but for a nonce and sudo's own arguments.

use runbook_model::host::{Become, Connection};

/// A connection's settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConnection {
    /// It would be read as an option, or by the login shell as something else than a word.
    #[error(
        "the {what} `{value}` cannot be used: it must be a plain word that does not begin with `-`"
    )]
    NotAWord {
        /// Which setting.
        what: &'static str,
        /// Its value, escaped.
        value: String,
    },
    /// The control host has no usable directory for control sockets.
    #[error("the directory for connections `{path}` cannot be used: {detail}")]
    StateDir {
        /// Directory.
        path: String,
        /// The system's words.
        detail: String,
    },
}

/// What a shell does with its input: a line with a number, then a program of so many bytes. `read` and `head -c` take exactly what they
/// are asked for, where a shell that read its program from the input itself would read ahead. Programs find their user's id in WHO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// One program after the other, each in a shell of its own; none of them can read from the input, so that nothing but programs is
    /// ever taken for one. A program that fails ends the shell.
    Programs,
    /// One program, whose input is what follows.
    ProgramAndInput,
}

impl Reads {
    const fn bootstrap(self) -> &'static str {
        match self {
            Self::Programs => {
                r#"WHO=$(id -u); while read -r n; do p=$(head -c "$n") && (eval "$p") </dev/null || exit; done"#
            }
            Self::ProgramAndInput => r#"WHO=$(id -u); read -r n && p=$(head -c "$n") && eval "$p""#,
        }
    }
}

/// The command's words, for a shell of the user after become. With `prompt`, sudo asks for a password on the error output with that
/// prompt, and the shell answers with a line `prompt` before it reads a program.
pub fn shell_words(connection: &Connection, reads: Reads, prompt: Option<&str>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if let Some(Become { user, flags }) = &connection.r#become {
        words.extend(["/usr/bin/env", "LC_ALL=C", "sudo"].map(str::to_owned));
        match prompt {
            Some(prompt) => words.extend(["-S".to_owned(), "-p".to_owned(), prompt.to_owned()]),
            None => words.push("-n".to_owned()),
        }
        words.extend(["-u".to_owned(), user.clone()]);
        words.extend(flags.iter().cloned());
        words.push("--".to_owned());
    }
    let program = match prompt {
        Some(prompt) => format!("echo {prompt}; {}", reads.bootstrap()),
        None => reads.bootstrap().to_owned(),
    };
    words.extend(["/bin/sh".to_owned(), "-c".to_owned(), program]);
    words
}

/// The same as one command line that sh, bash, csh, zsh and fish read alike: single quotes around anything but plain words.
pub fn command_line(words: &[String]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|w| {
            if is_plain(w) {
                w.clone()
            } else {
                format!("'{w}'")
            }
        })
        .collect();
    format!("exec {}", quoted.join(" "))
}

/// Refuses settings that could be read as anything but what they are.
///
/// # Errors
/// The first such setting.
pub fn check(connection: &Connection) -> Result<(), BadConnection> {
    let plain = |what, value: &str| {
        if is_plain(value) && !value.starts_with('-') {
            return Ok(());
        }
        Err(BadConnection::NotAWord {
            what,
            value: crate::text::line(value.as_bytes()),
        })
    };
    plain("address", &connection.address)?;
    if let Some(user) = &connection.user {
        plain("user", user)?;
    }
    if let Some(escalation) = &connection.r#become {
        plain("become user", &escalation.user)?;
        for flag in &escalation.flags {
            if !is_plain(flag) {
                let value = crate::text::line(flag.as_bytes());
                return Err(BadConnection::NotAWord {
                    what: "become flag",
                    value,
                });
            }
        }
    }
    Ok(())
}

/// Letters, digits and signs that mean nothing to any shell nor to ssh.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(address: &str) -> Connection {
        Connection {
            address: address.to_owned(),
            ..Connection::default()
        }
    }

    #[test]
    fn names_that_could_be_options_or_commands_are_refused() {
        for address in [
            "-oProxyCommand=id",
            "x; rm -rf /",
            "$(id)",
            "a b",
            "",
            "a\nb",
            "'",
            "a\0",
        ] {
            assert!(check(&with(address)).is_err(), "{address:?}");
        }
        for address in ["10.0.0.1", "fe80::1%eth0", "e1.example", "user@bastion"] {
            assert_eq!(check(&with(address)), Ok(()), "{address:?}");
        }
        let mut connection = with("a");
        connection.r#become = Some(Become {
            user: "root".into(),
            flags: vec!["-H".into()],
        });
        assert_eq!(check(&connection), Ok(()));
        connection.r#become = Some(Become {
            user: "root;id".into(),
            flags: vec![],
        });
        assert!(check(&connection).is_err());
    }

    #[test]
    fn the_command_line_is_one_that_every_login_shell_reads_alike() {
        let mut connection = with("a");
        assert_eq!(
            command_line(&shell_words(&connection, Reads::ProgramAndInput, None)),
            r#"exec /bin/sh -c 'WHO=$(id -u); read -r n && p=$(head -c "$n") && eval "$p"'"#
        );
        connection.r#become = Some(Become {
            user: "root".into(),
            flags: vec!["-H".into()],
        });
        assert_eq!(
            command_line(&shell_words(&connection, Reads::Programs, Some("abc"))),
            "exec /usr/bin/env LC_ALL=C sudo -S -p abc -u root -H -- /bin/sh -c \
             'echo abc; WHO=$(id -u); while read -r n; do p=$(head -c \"$n\") && (eval \"$p\") </dev/null || exit; done'"
        );
    }
}
