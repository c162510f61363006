//! Errors on their way to the operator: a report and the exit code that goes with its kind.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, MietteDiagnostic, Report};
use runbook_report::style::Style;
use runbook_run::JournalError;

use crate::exit;

/// Why a command ended without doing what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// Published exit code.
    pub code: u8,
    /// What to show, in order.
    pub reports: Vec<Report>,
}

impl Failure {
    /// One diagnostic with its exit code.
    pub fn new(code: u8, diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self {
            code,
            reports: vec![Report::new(diagnostic)],
        }
    }

    /// A sentence, and what to do about it.
    pub fn say(code: u8, message: impl std::fmt::Display, help: impl Into<Option<String>>) -> Self {
        let mut diagnostic = MietteDiagnostic::new(message.to_string());
        diagnostic.help = help.into();
        Self {
            code,
            reports: vec![Report::from(diagnostic)],
        }
    }

    /// Bad input, in a sentence.
    pub fn input(message: impl std::fmt::Display, help: impl Into<Option<String>>) -> Self {
        Self::say(exit::BAD_INPUT, message, help)
    }

    /// A run's journal that cannot be had: another process has it, the run exists already, or it cannot be kept or believed.
    pub fn journal(error: &JournalError) -> Self {
        let (code, help) = match error {
            JournalError::Busy { .. } => (
                exit::LOCKED,
                "wait for that process, or end it: Ctrl-C there lets what runs come to its end",
            ),
            JournalError::Exists { .. } => (
                exit::EXISTS,
                "`runbook show` tells what became of it; start again for a new id",
            ),
            JournalError::RunId { .. } | JournalError::Read { .. } => {
                (exit::BAD_INPUT, "`runbook runs` lists the runs kept here")
            }
            JournalError::Corrupt { .. } | JournalError::Foreign { .. } => (
                exit::BAD_INPUT,
                "nothing was done; what the hosts say is the truth: `runbook status`",
            ),
            JournalError::Write { .. } => (
                exit::INTERNAL,
                "nothing is sent to a host that cannot be recorded; is the disk full?",
            ),
        };
        Self::say(code, error, help.to_owned())
    }

    /// Several findings about one input.
    pub fn all<D: Diagnostic + Send + Sync + 'static>(
        code: u8,
        diagnostics: impl IntoIterator<Item = D>,
    ) -> Self {
        Self {
            code,
            reports: diagnostics.into_iter().map(Report::new).collect(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::say(exit::INTERNAL, error, None)
    }
}

/// A diagnostic as text.
pub fn render(diagnostic: &dyn Diagnostic, style: Style) -> String {
    let theme = if style.colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut out = String::new();
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .with_links(false);
    match handler.render_report(&mut out, diagnostic) {
        Ok(()) => out,
        Err(_) => format!("{diagnostic}\n"),
    }
}
