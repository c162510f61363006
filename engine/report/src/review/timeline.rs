//! Steps over time: hosts as lanes, barriers between steps, quorum under them. Planned: in order, all steps equally wide;
//! of a run: as long as they took.

mod measured;
mod planned;

use runbook_model::quorum::Quorum;
use serde::Serialize;

use super::Tone;
use super::quorum::Seen;

pub(super) use measured::measured;
pub(super) use planned::planned;

/// The whole width, in the unit of places: hundredths of a percent.
const WHOLE: i64 = 10_000;
/// Narrower than this there is no room for a step's number.
const NUMBER: i64 = 250;
/// Narrower than this there is no room for `3/3`: half of it would be a lie.
const COUNT: i64 = 650;

/// A picture of steps over time. Places are percentages as text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timeline {
    /// By what was measured, not by what is planned.
    pub measured: bool,
    /// Steps.
    pub columns: Vec<Column>,
    /// Hosts.
    pub lanes: Vec<Lane>,
    /// Declared outages.
    pub outages: Vec<Bar>,
    /// Moments: points of no return, questions, pauses.
    pub rules: Vec<Rule>,
    /// Quorum: the fewest healthy voters in a planned step; as seen, of a run.
    pub quorum: Vec<Bar>,
    /// Times on the axis, of a run.
    pub ticks: Vec<Rule>,
}

/// A step's stretch.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// Where it begins.
    pub left: String,
    /// How wide it is.
    pub width: String,
    /// Its number, where there is room.
    pub label: String,
    /// Number and title.
    pub text: String,
}

/// A host's row.
#[derive(Clone, Debug, Serialize)]
pub struct Lane {
    /// The host.
    pub host: String,
    /// Its work.
    pub bars: Vec<Bar>,
}

/// A stretch of a row.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    /// Where it begins.
    pub left: String,
    /// How wide it is.
    pub width: String,
    /// How it is.
    pub tone: Tone,
    /// A word in it, where there is room.
    pub label: String,
    /// What it is.
    pub text: String,
}

/// A moment.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// Where.
    pub left: String,
    /// How grave.
    pub tone: Tone,
    /// What.
    pub text: String,
}

/// `12.34`, of hundredths of a percent.
fn percent(place: i64) -> String {
    let place = place.clamp(0, WHOLE);
    format!("{}.{:02}", place / 100, place % 100)
}

impl Bar {
    fn new(from: i64, to: i64, tone: Tone, text: String) -> Self {
        Self {
            left: percent(from),
            width: percent(to - from),
            tone,
            label: String::new(),
            text,
        }
    }

    fn of_quorum(from: i64, to: i64, quorum: Quorum) -> Self {
        let seen = Seen::new(quorum);
        Self {
            label: labelled(to - from, COUNT, &seen.count),
            ..Self::new(from, to, seen.tone, crate::plan::quorum_words(quorum))
        }
    }
}

impl Column {
    fn new(from: i64, to: i64, number: usize, title: &str) -> Self {
        Self {
            left: percent(from),
            width: percent(to - from),
            label: labelled(to - from, NUMBER, &number.to_string()),
            text: format!("{number}. {title}"),
        }
    }
}

fn labelled(width: i64, least: i64, text: &str) -> String {
    if width < least {
        String::new()
    } else {
        text.to_owned()
    }
}
