//! Which addresses a host reaches.

use runbook_model::facts::Connect;

use super::ProbeAnswers;
use crate::frame::Frame;
use crate::program::probe::CONNECT_LIMIT_S;

impl ProbeAnswers<'_> {
    pub(super) fn connect(&mut self, frame: &Frame) {
        let Some(end) = frame
            .number(0)
            .and_then(|at| self.request.endpoints.get(at))
        else {
            return;
        };
        let text = frame.text();
        let seen = connected(frame.number(1), &text);
        self.facts.endpoints.insert(end.to_string(), seen);
    }

    pub(super) fn not_tried(&mut self, why: &str) {
        for end in &self.request.endpoints {
            let not_tried = || Connect::NotTried {
                why: why.to_owned(),
            };
            let seen = self.facts.endpoints.entry(end.to_string());
            seen.or_insert_with(not_tried);
        }
    }
}

/// `dial: connect: No route to host`, of bash, under the exit code that says what it means.
fn connected(code: Option<usize>, said: &str) -> Connect {
    let first = said.lines().next().unwrap_or_default();
    let words = first.rsplit(": ").next().unwrap_or(first);
    match code {
        Some(0) => Connect::Accepted,
        Some(3) => Connect::Refused,
        Some(4) => Connect::Rejected,
        // Its limit came while it tried again.
        Some(124) if said.contains("icmp") => Connect::Rejected,
        Some(124) => Connect::Silent {
            limit_s: CONNECT_LIMIT_S,
        },
        // A bash that was built without sockets looks for a file.
        Some(1) if first.contains("/dev/tcp/") => Connect::NotTried {
            why: "its `bash` opens no connections".to_owned(),
        },
        Some(1) if !words.is_empty() => Connect::Failed {
            why: crate::text::line(words.as_bytes()),
        },
        _ => Connect::NotTried {
            why: format!(
                "it could not be tried: {}",
                crate::text::line(first.as_bytes())
            ),
        },
    }
}
