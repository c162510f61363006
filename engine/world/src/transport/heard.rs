//! What can be told of how a host is reached. Words that a secret may stand in are masked.

use std::fmt;

use runbook_model::host::{Become, Connection};
use runbook_model::units::duration;

/// What stands in place of a word that may hold a secret.
const MASK: &str = "********";

/// ssh's options whose values are programs or data, in which passwords are written now and then.
const MASKED: [&str; 7] = [
    "knownhostscommand",
    "localcommand",
    "pkcs11provider",
    "proxycommand",
    "remotecommand",
    "securitykeyprovider",
    "setenv",
];

/// Something about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing is connected to: a shell right here.
    Local,
    /// A connection that an earlier command left is used.
    Reused {
        /// Its control socket.
        socket: String,
    },
    /// ssh is started.
    Starting {
        /// Its words, masked.
        words: Vec<String>,
        /// From 1.
        attempt: u32,
    },
    /// ssh has connected and logged in.
    Connected {
        /// Milliseconds.
        took_ms: u64,
    },
    /// A shell is started behind sudo; a password goes to its standard input.
    Become {
        /// Who it is for.
        user: String,
        /// sudo asks for a password, and is given one.
        asks: bool,
    },
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Heard::Local => f.write_str("a shell on this machine"),
            Heard::Reused { socket } => {
                write!(f, "the connection of an earlier command, {socket}")
            }
            Heard::Starting { words, attempt: 1 } => write!(f, "{}", words.join(" ")),
            Heard::Starting { words, attempt } => {
                write!(f, "again, attempt {attempt}: {}", words.join(" "))
            }
            Heard::Connected { took_ms } => write!(f, "connected in {}", duration(*took_ms)),
            Heard::Become { user, asks: true } => {
                write!(f, "sudo to {user}, which is given a password")
            }
            Heard::Become { user, asks: false } => write!(f, "sudo -n to {user}"),
        }
    }
}

impl Heard {
    /// The shell behind sudo, if there is one.
    pub(super) fn of_become(connection: &Connection, asks: bool) -> Option<Self> {
        let Become { user, .. } = connection.r#become.as_ref()?;
        Some(Heard::Become {
            user: user.clone(),
            asks,
        })
    }
}

/// Words of ssh with all masked that follows the name of such an option, however it is written: `-oX=v`, `-o X=v`, `-o "X v"`.
pub(super) fn masked(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let shown = |word: String| {
        let small = word.to_ascii_lowercase();
        let mut ends = MASKED.iter().filter_map(|name| {
            let end = small.find(name)? + name.len();
            let more = small[end..].starts_with(|c: char| c == '=' || c.is_whitespace());
            more.then_some(end)
        });
        match ends.next() {
            Some(end) => format!("{}={MASK}", &word[..end]),
            None => word,
        }
    };
    words.into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::{Heard, masked};

    #[test]
    fn what_may_hold_a_password_is_masked() {
        let words = [
            "ssh",
            "-o",
            "ProxyCommand=sshpass -p canary ssh jump",
            "-oproxycommand canary",
            "-o",
            " SetEnv =TOKEN=canary",
            "-o",
            "Port=22",
            "-J",
            "jump",
        ];
        let shown = masked(words.map(str::to_owned));
        assert_eq!(
            shown.join(" "),
            "ssh -o ProxyCommand=******** -oproxycommand=******** -o  SetEnv=******** -o Port=22 -J jump"
        );
    }

    #[test]
    fn each_is_told_in_a_line() {
        let became = Heard::Become {
            user: "root".to_owned(),
            asks: true,
        };
        assert_eq!(
            became.to_string(),
            "sudo to root, which is given a password"
        );
        let connected = Heard::Connected { took_ms: 320 };
        assert_eq!(connected.to_string(), "connected in 0.3 s");
    }
}
