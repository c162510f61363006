//! Why ssh did not connect, read from the log that its master wrote.

use runbook_model::facts::HostError;
use runbook_model::host::HostName;

/// What a master's log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The far side dropped the connection before any authentication: too many at once (`MaxStartups`), or a restart. Worth another try.
    Dropped,
    /// Anything else: final.
    Final(HostError),
}

/// Reads the log; `known` looks up the fingerprint of a line of a known_hosts file.
pub fn classify(
    host: &HostName,
    user: &str,
    log: &str,
    known: impl Fn(&str, usize) -> Option<String>,
) -> Cause {
    let words = last_words(log);
    let lower = log.to_ascii_lowercase();
    if lower.contains("remote host identification has changed")
        || lower.contains("host key verification failed")
    {
        return Cause::Final(HostError::HostKey {
            host: host.clone(),
            detail: host_key_detail(log, known),
        });
    }
    if lower.contains("permission denied") || lower.contains("too many authentication failures") {
        return Cause::Final(HostError::LoginRefused {
            host: host.clone(),
            user: user.to_owned(),
            detail: words,
        });
    }
    let reset = [
        "connection reset by",
        "connection closed by",
        "closed by remote host",
        "broken pipe",
    ];
    if lower.contains("kex_exchange_identification") && reset.iter().any(|r| lower.contains(r)) {
        return Cause::Dropped;
    }
    Cause::Final(HostError::Unreachable {
        host: host.clone(),
        detail: words,
    })
}

/// ssh's last lines without its banners, escaped.
fn last_words(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('@'))
        .collect();
    let text = lines[lines.len().saturating_sub(3)..].join("; ");
    if text.is_empty() {
        "ssh ended without a word".to_owned()
    } else {
        crate::text::cut(&crate::text::escape(text.as_bytes()), 400)
    }
}

fn host_key_detail(log: &str, known: impl Fn(&str, usize) -> Option<String>) -> String {
    let shown = log
        .split_whitespace()
        .find(|w| w.starts_with("SHA256:"))
        .map(|w| w.trim_end_matches('.').to_owned());
    let offending = log.lines().find_map(|l| {
        let (_, place) = l.trim().strip_prefix("Offending ")?.split_once(" in ")?;
        let (file, line) = place.trim_end_matches('.').rsplit_once(':')?;
        Some((file.to_owned(), line.trim().parse::<usize>().ok()?))
    });
    match (shown, offending) {
        (Some(shown), Some((file, line))) => {
            let expected = known(&file, line).unwrap_or_else(|| "another key".to_owned());
            format!("it shows {shown}, but {file} line {line} holds {expected}")
        }
        (Some(shown), None) => format!("it shows {shown}, which is not in known_hosts"),
        (None, _) => last_words(log),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(log: &str) -> Cause {
        classify(&HostName::new("e1"), "ops", log, |_, _| {
            Some("SHA256:old".to_owned())
        })
    }

    #[test]
    fn a_changed_key_names_both_fingerprints() {
        let log = "@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@\r\nIT IS POSSIBLE THAT SOMEONE IS DOING \
            SOMETHING NASTY!\r\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:new.\r\nPlease contact your system \
            administrator.\r\nOffending ED25519 key in /root/.ssh/known_hosts:12\r\nHost key verification failed.\r\n";
        let Cause::Final(HostError::HostKey { detail, .. }) = cause(log) else {
            panic!("{:?}", cause(log))
        };
        assert_eq!(
            detail,
            "it shows SHA256:new, but /root/.ssh/known_hosts line 12 holds SHA256:old"
        );
    }

    #[test]
    fn each_failure_has_its_kind() {
        let unknown = "No ED25519 host key is known for 127.0.0.1 and you have requested strict checking.\nHost key verification failed.\n";
        assert!(matches!(
            cause(unknown),
            Cause::Final(HostError::HostKey { .. })
        ));
        assert!(matches!(
            cause("ops@10.0.0.1: Permission denied (publickey,password).\r\n"),
            Cause::Final(HostError::LoginRefused { user, .. }) if user == "ops"
        ));
        for log in [
            "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 127.0.0.1 port 2222\r\n",
            "kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 127.0.0.1 port 2222\r\n",
        ] {
            assert_eq!(cause(log), Cause::Dropped);
        }
        for log in [
            "ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n",
            "ssh: Could not resolve hostname x: No such host\r\n",
            "",
        ] {
            assert!(
                matches!(cause(log), Cause::Final(HostError::Unreachable { .. })),
                "{log}"
            );
        }
    }

    #[test]
    fn what_ssh_repeats_from_the_host_is_escaped() {
        let Cause::Final(HostError::Unreachable { detail, .. }) = cause("\u{1b}[2Jboo\n") else {
            panic!()
        };
        assert_eq!(detail, "\\x1b[2Jboo");
    }
}
