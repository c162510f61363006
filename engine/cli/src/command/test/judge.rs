//! Expectations against what came: each that was not met is a report at its own line.

use std::fmt;

use miette::{LabeledSpan, NamedSource, SourceCode};
use runbook_dsl::catalogue::GuardName;
use runbook_dsl::checked::CheckedRunbook;
use runbook_dsl::diagnostic::line_column;
use runbook_dsl::span::Span;
use runbook_dsl::tested::{End, Expectation, Test};

use super::play::Story;

/// Lines of the run's tale that a report shows.
const LAST: usize = 6;
/// Differences that one line names.
const NAMED: usize = 3;

/// An expectation that was not met, or something that never happened.
#[derive(Debug)]
pub(super) struct Unmet {
    message: String,
    label: String,
    help: Option<String>,
    span: Span,
    source: NamedSource<String>,
    line: usize,
}

/// A report at a place of a runbook.
pub(super) fn at(
    runbook: &CheckedRunbook,
    span: Span,
    message: String,
    label: impl Into<String>,
) -> Unmet {
    let source = runbook.sources().get(span.source);
    let (name, text) = source.map_or(("", ""), |s| (s.name.as_str(), s.text.as_str()));
    Unmet {
        message,
        label: label.into(),
        help: None,
        span,
        line: line_column(text, span.start).0,
        source: NamedSource::new(name, text.to_owned()),
    }
}

impl Unmet {
    pub(super) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// What was seen.
    pub(super) fn seen(&self) -> &str {
        &self.label
    }

    /// From 1.
    pub(super) const fn line(&self) -> usize {
        self.line
    }

    pub(super) fn last_events(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unmet {}

impl miette::Diagnostic for Unmet {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("runbook::test::unmet"))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { start, end, .. } = self.span;
        let range = (start, end.saturating_sub(start));
        let label = LabeledSpan::new_primary_with_span(Some(self.label.clone()), range);
        Some(Box::new(std::iter::once(label)))
    }
}

/// What of a test was not so.
pub(super) fn judge(runbook: &CheckedRunbook, test: &Test, story: &Story) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    for (line, _) in test.when.iter().zip(&story.met).filter(|(_, met)| !**met) {
        let report = at(
            runbook,
            line.span,
            format!("`{}`: this never happened", test.name.value),
            format!("the run was over before: {}", story.said),
        );
        unmet.push(report);
    }
    let mut guards = story.guards.as_ref().map(|guards| guards.iter());
    for expectation in &test.expect {
        let seen = match &expectation.value {
            Expectation::End(end, guard) => ending(*end, *guard, story),
            Expectation::NothingChanged => unchanged(story),
            Expectation::Guard(_) => match &mut guards {
                Ok(guards) => guards.next().and_then(|(text, verdict)| {
                    (!verdict.holds()).then(|| format!("{text}: {}", verdict.headline()))
                }),
                Err(why) => Some((*why).clone()),
            },
        };
        if let Some(seen) = seen {
            let message = format!("`{}`: this is not so at the end", test.name.value);
            unmet.push(at(runbook, expectation.span, message, seen));
        }
    }
    // Told once: it is one run.
    if let Some(first) = unmet.first_mut() {
        first.help = last(&story.tale);
    }
    unmet
}

/// What was seen instead of an end.
fn ending(end: End, guard: Option<GuardName>, story: &Story) -> Option<String> {
    let Some(guard) = guard else {
        return (story.end != end).then(|| format!("the run is {}", story.said));
    };
    // A host that does not answer has an exit code of its own, whatever guard says so.
    let refused = matches!(story.end, End::Refused | End::Unreachable);
    let by = |(name, ..): &(String, String, String)| name == guard.as_str();
    if refused && story.refusing.iter().any(by) {
        return None;
    }
    let names: Vec<&str> = story.refusing.iter().map(|(n, ..)| n.as_str()).collect();
    Some(match (refused, names.as_slice()) {
        (true, names) if names.len() > 1 => format!("the run is refused by {}", names.join(", ")),
        _ => format!("the run is {}", story.said),
    })
}

fn unchanged(story: &Story) -> Option<String> {
    let more = story.changes.len().saturating_sub(NAMED);
    let named: Vec<&str> = story
        .changes
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect();
    match (named.as_slice(), more) {
        ([], _) => None,
        (named, 0) => Some(named.join("; ")),
        (named, more) => Some(format!("{}; and {more} more", named.join("; "))),
    }
}

/// The end of a tale.
fn last(tale: &[String]) -> Option<String> {
    let from = tale.len().saturating_sub(LAST);
    let lines = tale.get(from..).unwrap_or_default();
    let before = match from {
        0 => String::new(),
        n => format!("... {n} lines before\n"),
    };
    if lines.is_empty() {
        return None;
    }
    let lines: Vec<&str> = lines.iter().map(|line| without_day(line)).collect();
    Some(format!(
        "the run's last events:\n{before}{}",
        lines.join("\n")
    ))
}

/// The time alone: all of a test is one simulated day.
fn without_day(line: &str) -> &str {
    match line.split_once('T') {
        Some((day, rest)) if day.len() == 10 => rest,
        _ => line,
    }
}
