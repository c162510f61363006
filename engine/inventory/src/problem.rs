//! What is wrong and where: an error or a warning that shows the line with the guilty word underlined.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, Severity, SourceCode, SourceSpan,
    SpanContents,
};

use crate::fact::Fact;
use crate::value::names_a_secret;

/// A text that was read, under the name that the operator knows it by.
pub struct Source {
    name: String,
    text: String,
    shown: OnceLock<String>,
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    /// A text and its name: a path, or `SCRIPT --list`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
            shown: OnceLock::new(),
            lines: OnceLock::new(),
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as it may be shown: same length, control characters and passwords blotted out.
    fn shown(&self) -> &str {
        self.shown.get_or_init(|| blot(&self.text))
    }

    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self
                .text
                .bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }

    /// Line and column, both from 1; columns count characters.
    fn line_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let starts = self.line_starts();
        let line = starts.partition_point(|s| *s <= at).max(1);
        let start = starts[line - 1];
        let column = self.text.get(start..at).map_or(0, |s| s.chars().count()) + 1;
        (line, column)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.name)
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let c = self.shown().read_span(span, before, after)?;
        let named = MietteSpanContents::new_named(
            self.name.clone(),
            c.data(),
            *c.span(),
            c.line(),
            c.column(),
            c.line_count(),
        );
        Ok(Box::new(named))
    }
}

/// Same number of bytes, nothing that a terminal would obey, no value of a name like a password's.
fn blot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut secret_block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let blank = line.trim().is_empty();
        if let Some(of) = secret_block
            && (blank || indent > of)
        {
            mask(line, &mut out);
            continue;
        }
        secret_block = None;
        let from = out.len();
        out.extend(line.chars().map(harmless));
        for value in secret_values(line) {
            if matches!(line[value.clone()].chars().next(), Some('|' | '>')) {
                secret_block = Some(indent);
            }
            let mut masked = String::new();
            mask(&line[value.clone()], &mut masked);
            out.replace_range(from + value.start..from + value.end, &masked);
        }
    }
    out
}

fn mask(text: &str, out: &mut String) {
    for c in text.chars() {
        if c == '\n' {
            out.push(c);
        } else {
            out.extend(std::iter::repeat_n('*', c.len_utf8()));
        }
    }
}

fn harmless(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        c if !c.is_control() && !is_format(c) => c,
        c => ['?', '·', '\u{FFFD}'][c.len_utf8().min(3) - 1],
    }
}

/// Bidirectional and invisible formatting characters, all of three bytes.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Byte ranges of the values of `name=value` and `name: value` whose name is like a password's.
fn secret_values(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    while let Some(sep) = line[at..].find(['=', ':']).map(|i| i + at) {
        at = sep + 1;
        let before = line[..sep].trim_end().trim_end_matches(['"', '\'']);
        let name = &before[before.rfind(|c| !word(c)).map_or(0, |i| {
            i + before[i..].chars().next().map_or(1, char::len_utf8)
        })..];
        if name.is_empty() || !names_a_secret(name) {
            continue;
        }
        let start = sep
            + 1
            + (line[sep + 1..].len() - line[sep + 1..].trim_start_matches([' ', '\t']).len());
        let rest = &line[start..];
        let trimmed = rest.trim_end();
        let len = match rest.chars().next() {
            Some(q @ ('"' | '\'')) => rest[1..].find(q).map_or(trimmed.len(), |i| i + 2),
            Some(_)
                if line.as_bytes()[sep] == b'='
                    && start == sep + 1
                    && line[..sep].trim().contains(' ') =>
            {
                unquoted(rest)
            }
            _ => trimmed.len(),
        };
        if len > 0 {
            found.push(start..start + len);
            at = start + len;
        }
    }
    found
}

/// The bytes up to the next `name=`: words without `=` after an unquoted password are most likely its rest.
fn unquoted(text: &str) -> usize {
    let mut end = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        if end > 0 && word.contains('=') {
            break;
        }
        end += word.len();
    }
    text[..end].trim_end().len()
}

/// A stretch of a source.
#[derive(Clone)]
pub struct Place {
    source: Arc<Source>,
    span: Range<usize>,
}

impl Place {
    /// A byte range of a source; it is cut to the text.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let end = span.end.min(source.text.len());
        Self {
            source: Arc::clone(source),
            span: span.start.min(end)..end,
        }
    }

    /// The source as a whole, when no word is guiltier than another.
    pub fn whole(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.source.line_column(self.span.start).0
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> usize {
        self.source.line_column(self.span.start).1
    }

    /// The text itself, as it may be shown.
    pub fn excerpt(&self) -> &str {
        self.source.shown().get(self.span.clone()).unwrap_or("")
    }

    /// Does this place stand in any text at all?
    fn has_text(&self) -> bool {
        !self.source.text.is_empty()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_text() {
            write!(f, "{}:{}:{}", self.file(), self.line(), self.column())
        } else {
            f.write_str(self.file())
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.source.name == other.source.name && self.span == other.span
    }
}

impl Eq for Place {}

/// One thing that is wrong, or that earns a warning.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What.
    pub fact: Box<Fact>,
    /// Where.
    pub place: Place,
}

impl Problem {
    /// A fact at a place.
    pub fn new(fact: Fact, place: Place) -> Self {
        Self {
            fact: Box::new(fact),
            place,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names_its_path = matches!(
            *self.fact,
            Fact::NotFound { .. } | Fact::EmptyDirectory { .. }
        );
        if self.place.has_text() || names_its_path {
            fmt::Display::fmt(&self.fact, f)
        } else {
            write!(f, "{}: {}", self.place.file(), self.fact)
        }
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!(
            "runbook::inventory::{}",
            self.fact.code()
        )))
    }

    fn severity(&self) -> Option<Severity> {
        Some(if self.fact.is_warning() {
            Severity::Warning
        } else {
            Severity::Error
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fact
            .help()
            .map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place
            .has_text()
            .then_some(&*self.place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if !self.place.has_text() {
            return None;
        }
        let label = self.fact.label();
        let span = LabeledSpan::new_with_span(label.map(str::to_owned), self.place.span.clone());
        Some(Box::new(std::iter::once(span)))
    }
}

/// Everything that is wrong with what was read: never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors(Vec<Problem>);

impl Errors {
    /// The problems as an error, or the good outcome when there are none.
    pub fn unless_empty<T>(problems: Vec<Problem>, ok: T) -> Result<T, Errors> {
        if problems.is_empty() {
            Ok(ok)
        } else {
            Err(Errors(problems))
        }
    }

    /// Each problem, in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }

    /// Each problem, by value.
    pub fn into_problems(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Errors {
    fn from(problem: Problem) -> Self {
        Errors(vec![problem])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "the inventory has an error at {}", one.place),
            many => write!(f, "the inventory has {} errors", many.len()),
        }
    }
}

impl std::error::Error for Errors {}

impl Diagnostic for Errors {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("runbook::inventory"))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|p| p as &dyn Diagnostic)))
    }
}
