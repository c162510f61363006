//! Why a member did not answer, or what it answered instead.

use std::time::Duration;

use runbook_model::cluster::{MemberProbe, SilentCause};

/// A member that could not be asked, and why, found by examination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Silence {
    /// The kind.
    pub cause: SilentCause,
    /// In words.
    pub detail: String,
}

impl Silence {
    /// The words may hold a stranger's: a served certificate's names, a server's text.
    pub(crate) fn new(cause: SilentCause, detail: impl AsRef<str>) -> Self {
        Self {
            cause,
            detail: one_line(detail.as_ref()),
        }
    }
}

/// A stranger's text without anything that a terminal would act on.
pub(crate) fn one_line(text: &str) -> String {
    crate::text::escape(text.as_bytes()).replace('\n', " ")
}

impl From<Silence> for MemberProbe {
    fn from(silence: Silence) -> Self {
        MemberProbe::Silent {
            cause: silence.cause,
            detail: silence.detail,
        }
    }
}

/// Why a call on a member failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It could not be asked, or the connection broke.
    #[error(transparent)]
    Silent(#[from] Silence),
    /// The member's own refusal, in its own words.
    #[error("{message}")]
    Refused {
        /// gRPC's name of the kind, as `Unavailable`.
        code: String,
        /// etcd's text, as `etcdserver: unhealthy cluster`.
        message: String,
    },
    /// No answer in time: the call may have been carried out.
    #[error("no answer to {call} within {}", Seconds(*limit))]
    Timeout {
        /// What was asked.
        call: &'static str,
        /// How long was waited.
        limit: Duration,
    },
}

impl CallError {
    /// Whether etcd says so only for a while after a change of members or leaders: the one kind that is worth asking again.
    pub fn is_transient(&self) -> bool {
        const TRANSIENT: [&str; 8] = [
            "unhealthy cluster",
            "no leader",
            "leader changed",
            "not leader",
            "request timed out",
            "context deadline exceeded",
            "in sync with leader",
            "too many requests",
        ];
        match self {
            CallError::Refused { message, .. } => TRANSIENT.iter().any(|t| message.contains(t)),
            CallError::Silent(_) | CallError::Timeout { .. } => false,
        }
    }

    /// As a silence: what a probe reports.
    pub fn into_silence(self) -> Silence {
        match self {
            CallError::Silent(silence) => silence,
            CallError::Refused { message, .. } => Silence::new(SilentCause::Error, message),
            timeout @ CallError::Timeout { .. } => {
                Silence::new(SilentCause::Timeout, timeout.to_string())
            }
        }
    }
}

/// A limit as people say it: `5 s`, `800 ms`.
pub(crate) struct Seconds(pub(crate) Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0.as_millis();
        if ms.is_multiple_of(1000) {
            write!(f, "{} s", ms / 1000)
        } else if ms > 1000 {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{ms} ms")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_words_are_harmless() {
        let silence = Silence::new(SilentCause::Error, "a\u{1b}[31m\nb\u{202e}c");
        assert_eq!(silence.detail, "a\\x1b[31m b\\u{202e}c");
    }

    #[test]
    fn limits_in_words() {
        let said = |ms| Seconds(Duration::from_millis(ms)).to_string();
        assert_eq!(
            [said(5000), said(1500), said(700)],
            ["5 s", "1.5 s", "700 ms"]
        );
    }

    #[test]
    fn only_what_passes_is_asked_again() {
        let refused = |message: &str| CallError::Refused {
            code: "Unavailable".to_owned(),
            message: message.to_owned(),
        };
        assert!(refused("etcdserver: unhealthy cluster").is_transient());
        assert!(refused("etcdserver: no leader").is_transient());
        assert!(!refused("etcdserver: mvcc: database space exceeded").is_transient());
        assert!(!refused("etcdserver: permission denied").is_transient());
        let limit = Duration::from_secs(1);
        assert!(!CallError::Timeout { call: "put", limit }.is_transient());
    }
}
