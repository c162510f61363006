//! Colours, which never carry meaning alone.

use std::fmt::Display;

use console::Style as Ansi;

/// Whether to colour, and how wide the reader's window is.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Use ANSI colours.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// No colours, 100 columns: files, pipes, tests.
    pub const PLAIN: Style = Style {
        colour: false,
        width: 100,
    };

    fn paint(self, ansi: Ansi, text: impl Display) -> String {
        ansi.force_styling(self.colour).apply_to(text).to_string()
    }

    /// Titles.
    pub fn bold(self, text: impl Display) -> String {
        self.paint(Ansi::new().bold(), text)
    }

    /// What matters less.
    pub fn dim(self, text: impl Display) -> String {
        self.paint(Ansi::new().dim(), text)
    }

    /// What is well.
    pub fn good(self, text: impl Display) -> String {
        self.paint(Ansi::new().green(), text)
    }

    /// What is not.
    pub fn bad(self, text: impl Display) -> String {
        self.paint(Ansi::new().red().bold(), text)
    }

    /// What changes, or wants attention.
    pub fn warn(self, text: impl Display) -> String {
        self.paint(Ansi::new().yellow(), text)
    }

    /// Names to type.
    pub fn name(self, text: impl Display) -> String {
        self.paint(Ansi::new().cyan(), text)
    }
}
