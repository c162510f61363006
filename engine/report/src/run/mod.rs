//! A run as it happens and when it is over: one fold over its events, several ways to show it.

mod detail;
mod failed;
mod live;
mod plain;
mod question;
mod summary;
mod tracker;

pub use detail::{Details, Verbosity};
pub(crate) use failed::{failed, reason};
pub use live::Live;
pub(crate) use plain::run_end;
pub use plain::{finished_step, plain_line};
pub use question::step_question;
pub use summary::summary;
pub(crate) use summary::{by_word, kept, mark, next, word};
pub use tracker::{HostView, StepView, Tracker};

use runbook_model::event::{Event, Record};

/// One JSON object a line: the journal's own records, and live events between them (then without `seq`).
pub fn json_line(at_ms: i64, event: &Event) -> Result<String, serde_json::Error> {
    serde_json::to_string(&serde_json::json!({ "at_ms": at_ms, "event": event }))
}

/// A journal's records as plain lines: what `show` prints.
pub fn replay(records: &[Record]) -> String {
    let mut tracker = Tracker::default();
    let mut out = String::new();
    for record in records {
        tracker.apply(record.at_ms, &record.event);
        if let Some(line) = plain_line(record.at_ms, &record.event, &tracker) {
            out += &line;
            out.push('\n');
        }
    }
    out
}
