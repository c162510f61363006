//! What is wrong with a runbook, where, and how to mend it.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::checked::SourceText;
use crate::codes::{Code, Severity};
use crate::span::Span;

/// The texts that a runbook stands on, shared by its diagnostics.
type Sources = Arc<Vec<SourceText>>;

/// One thing wrong, or doubtful.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    code: Code,
    message: String,
    labels: Vec<Label>,
    help: Option<String>,
    source: Option<Named>,
    /// Places in other texts than the guilty one's, each shown by itself.
    elsewhere: Vec<Elsewhere>,
}

/// A place with what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// Under the place.
    pub text: String,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, message: impl Into<String>, span: Span) -> Self {
        Self {
            code,
            message: message.into(),
            labels: vec![Label {
                span,
                text: "here".to_owned(),
            }],
            help: None,
            source: None,
            elsewhere: Vec::new(),
        }
    }

    /// What stands under the guilty words.
    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// A further place.
    pub(crate) fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// A further place, of one that was told already.
    pub(crate) fn also(&mut self, span: Span, text: impl Into<String>) {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn maybe_help(mut self, text: Option<String>) -> Self {
        self.help = text.or(self.help);
        self
    }

    /// Says that its places are of this text.
    pub(crate) fn in_source(mut self, source: usize) -> Self {
        for label in &mut self.labels {
            label.span.source = source;
        }
        self
    }

    /// Binds it to the texts, so that it can be shown.
    fn with_sources(mut self, sources: &Sources) -> Self {
        let named = |index: usize| {
            (index < sources.len()).then(|| Named {
                sources: Arc::clone(sources),
                index,
            })
        };
        let shown = self.span().source;
        self.source = named(shown);
        let others = self.labels.iter().filter(|l| l.span.source != shown);
        self.elsewhere = others
            .filter_map(|label| {
                Some(Elsewhere {
                    source: named(label.span.source)?,
                    label: label.clone(),
                })
            })
            .collect();
        self
    }

    /// Which kind of thing is wrong.
    pub fn code(&self) -> Code {
        self.code
    }

    /// One plain sentence, lower case, no full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Places; the first is the guilty one.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// How to mend it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.code.row().severity
    }

    /// The guilty place.
    pub fn span(&self) -> Span {
        self.labels.first().map(|l| l.span).unwrap_or_default()
    }

    /// Name of the text that a label stands in.
    pub fn file_of(&self, label: &Label) -> Option<&str> {
        let sources = &self.source.as_ref()?.sources;
        sources.get(label.span.source).map(|s| s.name.as_str())
    }

    /// File, line and column (from 1, in characters) of the guilty place.
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        let source = self.source.as_ref()?;
        let text = source.text();
        let (line, column) = line_column(&text.text, self.span().start);
        Some((&text.name, line, column))
    }
}

/// Line and column of a byte offset, from 1, the column in characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.code.row().severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|h| Box::new(h) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let shown = self.span().source;
        // One report shows one text; places in others are related to it.
        let here = self.labels.iter().filter(move |l| l.span.source == shown);
        let labels = here.enumerate().map(|(i, l)| {
            let range = (l.span.start, l.span.end.saturating_sub(l.span.start));
            if i == 0 {
                LabeledSpan::new_primary_with_span(Some(l.text.clone()), range)
            } else {
                LabeledSpan::new_with_span(Some(l.text.clone()), range)
            }
        });
        Some(Box::new(labels))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        let others = self.elsewhere.iter().map(|e| e as &dyn miette::Diagnostic);
        Some(Box::new(others))
    }
}

/// A place in another text.
#[derive(Clone, Debug)]
struct Elsewhere {
    source: Named,
    label: Label,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label.text)
    }
}

impl std::error::Error for Elsewhere {}

impl miette::Diagnostic for Elsewhere {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { start, end, .. } = self.label.span;
        let range = (start, end.saturating_sub(start));
        let label = LabeledSpan::new_primary_with_span(None, range);
        Some(Box::new(std::iter::once(label)))
    }
}

/// As many are shown of one file: a file of another kind is wrong in every line.
const MOST: usize = 100;

/// Puts diagnostics in the order of their places and gives them the texts that they speak of, so that they can be shown.
/// `check` has done it; what `parse` and `format` report is bound by their caller, who knows the file's name.
pub fn bind(mut problems: Vec<Diagnostic>, mut sources: Vec<SourceText>) -> Vec<Diagnostic> {
    if problems.is_empty() {
        return problems;
    }
    for source in &mut sources {
        source.text = displayable(&source.text);
    }
    let sources = Arc::new(sources);
    problems.sort_by_key(|d| (d.span().source, d.span().start));
    if problems.len() > MOST {
        let further = problems.len() - MOST;
        let next = problems.swap_remove(MOST);
        problems.truncate(MOST);
        let what = format!("and {further} further problems from here on");
        problems.push(Diagnostic::new(next.code, what, next.span()).label("not shown"));
    }
    problems
        .into_iter()
        .map(|d| d.with_sources(&sources))
        .collect()
}

/// A text for a terminal: characters that a terminal would obey, or not show, are question marks of the same length.
fn displayable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if crate::parse::is_hidden(c) {
            out.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// A text with its name, whose columns count characters (miette's own count bytes).
#[derive(Clone, Debug)]
struct Named {
    sources: Sources,
    index: usize,
}

impl Named {
    fn text(&self) -> &SourceText {
        // INVARIANT: made only by `with_sources`, which looked.
        &self.sources[self.index]
    }
}

impl SourceCode for Named {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let source = self.text();
        let found = source.text.read_span(span, before, after)?;
        let start = found.span().offset();
        // With no context asked for, miette begins at the place itself and wants its column.
        let column = line_column(&source.text, start).1 - 1;
        Ok(Box::new(MietteSpanContents::new_named(
            source.name.clone(),
            found.data(),
            *found.span(),
            found.line(),
            column,
            found.line_count(),
        )))
    }
}
