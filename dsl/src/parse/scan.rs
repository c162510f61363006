//! A look at the raw text before the grammar: comments, unclosed texts and brackets, characters that hide.

use crate::ast::Comment;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// Deepest nesting of brackets.
pub(super) const MAX_DEPTH: usize = 32;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The text for the grammar: as long as the original, comments and odd blanks blanked.
    pub text: String,
    pub comments: Vec<Comment>,
    pub problems: Vec<Diagnostic>,
}

/// Looks at a text; with problems the grammar need not be tried.
pub(super) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        at: 0,
        open: Vec::new(),
        suspect: None,
        blanked: text.as_bytes().to_vec(),
        out: Scan::default(),
    };
    scanner.run();
    let Scanner {
        mut out, blanked, ..
    } = scanner;
    // Blanks took the place of whole characters only.
    out.text = String::from_utf8(blanked)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    out
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<(usize, char)>,
    /// A `{` and the `}` that closes it although it stands further out: the first sign of one forgotten between.
    suspect: Option<(usize, usize)>,
    /// The text as the grammar is to see it.
    blanked: Vec<u8>,
    out: Scan,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(c) = self.text[self.at..].chars().next() {
            match c {
                '#' => self.comment(),
                '"' if self.text[self.at..].starts_with("\"\"\"") => self.block_text(),
                '"' => self.line_text(),
                '{' | '(' | '[' => self.opening(c),
                '}' | ')' | ']' => self.closing(c),
                _ => self.character(c),
            }
        }
        self.left_open();
    }

    fn comment(&mut self) {
        let start = self.at;
        let end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |n| start + n);
        let line_start = self.text[..start].rfind('\n').map_or(0, |i| i + 1);
        let text = self.text[start..end].trim_end();
        self.hidden(start, end);
        self.blank(start, end);
        self.out.comments.push(Comment {
            text: text.to_owned(),
            span: span(start, start + text.len()),
            own_line: self.text[line_start..start]
                .trim_start_matches('\u{FEFF}')
                .trim()
                .is_empty(),
        });
        self.at = end;
    }

    fn block_text(&mut self) {
        let start = self.at;
        match self.text[start + 3..].find("\"\"\"") {
            Some(n) => {
                self.at = start + 3 + n + 3;
                self.hidden(start, self.at);
            }
            None => {
                self.problem(
                    Diagnostic::new(
                        Code::UnclosedText,
                        "text of several lines is not closed",
                        span(start, start + 3),
                    )
                    .label("opened here")
                    .help("end it with `\"\"\"`"),
                );
                self.at = self.text.len();
            }
        }
    }

    fn line_text(&mut self) {
        let start = self.at;
        let mut escaped = false;
        for (i, c) in self.text[start + 1..].char_indices() {
            let here = start + 1 + i;
            match c {
                '\n' => {
                    self.unclosed_text(start, here);
                    return;
                }
                '"' if !escaped => {
                    self.at = here + 1;
                    self.hidden(start, self.at);
                    return;
                }
                _ => escaped = c == '\\' && !escaped,
            }
        }
        self.unclosed_text(start, self.text.len());
    }

    fn unclosed_text(&mut self, start: usize, end: usize) {
        let shown = start + self.text[start..end].trim_end().len();
        self.problem(
            Diagnostic::new(Code::UnclosedText, "text is not closed", span(start, shown))
                .label("no closing `\"` on this line")
                .help("end it with `\"`; a text of several lines stands between `\"\"\"`"),
        );
        // What the text may have swallowed on its line cannot be told: go on with the next line as if it had not
        // opened a bracket.
        let opened = self.text[start..end].matches('{').count();
        let closed = self.text[start..end].matches('}').count();
        if opened > closed {
            self.open.push((end, '\0'));
        }
        self.at = end;
    }

    fn blank(&mut self, start: usize, end: usize) {
        self.blanked[start..end].fill(b' ');
    }

    fn opening(&mut self, c: char) {
        if self.open.len() == MAX_DEPTH {
            self.problem(
                Diagnostic::new(
                    Code::TooDeep,
                    format!("brackets nest deeper than {MAX_DEPTH}"),
                    span(self.at, self.at + 1),
                )
                .label("too deep"),
            );
        }
        self.open.push((self.at, c));
        self.at += 1;
    }

    fn closing(&mut self, c: char) {
        let at = self.at;
        self.at += 1;
        match self.open.last().copied() {
            Some((_, '\0')) => {
                self.open.pop();
            }
            Some((place, open)) if partner(open) == c => {
                self.open.pop();
                if c == '}' && self.begins_line(at) && self.indent_at(at) < self.indent_at(place) {
                    self.suspect.get_or_insert((place, at));
                }
            }
            Some((place, open)) => {
                // Close the nearest one that fits; if there is none, the mark is a stray.
                let fits = self.open.iter().rposition(|(_, o)| partner(*o) == c);
                let diagnostic = match fits {
                    Some(depth) => {
                        self.open.truncate(depth);
                        Diagnostic::new(
                            Code::UnclosedBracket,
                            format!("`{open}` is not closed"),
                            span(place, place + 1),
                        )
                        .label("opened here")
                        .and(
                            span(at, at + 1),
                            format!("`{}` was wanted before this", partner(open)),
                        )
                        .help(format!("close it with `{}`", partner(open)))
                    }
                    None => Diagnostic::new(
                        Code::UnmatchedBracket,
                        format!("`{c}` closes nothing"),
                        span(at, at + 1),
                    )
                    .label("no partner")
                    .help("remove it, or open it where it belongs"),
                };
                self.problem(diagnostic);
            }
            None => self.problem(
                Diagnostic::new(
                    Code::UnmatchedBracket,
                    format!("`{c}` closes nothing"),
                    span(at, at + 1),
                )
                .label("no partner")
                .help("remove it, or look for a bracket closed too early above"),
            ),
        }
    }

    fn character(&mut self, c: char) {
        let end = self.at + c.len_utf8();
        let in_round = matches!(self.open.last(), Some((_, '(' | '[')));
        if matches!(c, '\t' | '\r') || (c == '\n' && in_round) {
            self.blank(self.at, end);
        }
        if c.is_ascii_graphic() || matches!(c, ' ' | '\t' | '\r' | '\n') {
            self.at = end;
            return;
        }
        if let Some(help) = quote_help(c) {
            // Typographic quotes come in pairs; one report a line says it all.
            let line_end = self.text[self.at..]
                .find('\n')
                .map_or(self.text.len(), |n| self.at + n);
            self.problem(
                Diagnostic::new(
                    Code::BadCharacter,
                    format!("`{c}` does not begin a text"),
                    span(self.at, end),
                )
                .label("typographic quotation mark")
                .help(help),
            );
            self.at = line_end;
            return;
        }
        let first_bom = self.at == 0 && c == '\u{FEFF}';
        if !first_bom {
            self.hidden(self.at, end);
        }
        self.at = end;
    }

    /// Refuses characters that a reviewer cannot see.
    fn hidden(&mut self, start: usize, end: usize) {
        let plain = |b: u8| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r');
        if self.text.as_bytes()[start..end].iter().all(|b| plain(*b)) {
            return;
        }
        let found = self.text[start..end]
            .char_indices()
            .find(|(_, c)| is_hidden(*c))
            .map(|(i, c)| (start + i, c));
        if let Some((at, c)) = found {
            self.problem(
                Diagnostic::new(
                    Code::BadCharacter,
                    format!("invisible character U+{:04X}", c as u32),
                    span(at, at + c.len_utf8()),
                )
                .label("cannot be seen by a reviewer")
                .help("remove it"),
            );
        }
    }

    fn left_open(&mut self) {
        let mut left: Vec<(usize, char)> = std::mem::take(&mut self.open);
        left.retain(|(_, open)| *open != '\0');
        // One is missing somewhere within the outermost: the indentation tells where better than the end of the file.
        if let (Some(first), Some((place, close))) = (left.first().copied(), self.suspect)
            && first.1 == '{'
        {
            left.remove(0);
            self.problem(
                Diagnostic::new(
                    Code::UnclosedBracket,
                    "`{` is not closed",
                    span(place, place + 1),
                )
                .label("opened here")
                .and(
                    span(close, close + 1),
                    "by its indentation, this closes something further out",
                )
                .help("close it with `}`"),
            );
        }
        for (at, open) in left {
            self.problem(
                Diagnostic::new(
                    Code::UnclosedBracket,
                    format!("`{open}` is not closed"),
                    span(at, at + 1),
                )
                .label("opened here")
                .help(format!("close it with `{}`", partner(open))),
            );
        }
    }

    fn begins_line(&self, at: usize) -> bool {
        self.text[self.line_start(at)..at].trim().is_empty()
    }

    fn indent_at(&self, at: usize) -> usize {
        indent(&self.text[self.line_start(at)..])
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |i| i + 1)
    }

    fn problem(&mut self, diagnostic: Diagnostic) {
        // A garbage file is told so once or twice, not ten thousand times.
        if self.out.problems.len() < 20 {
            self.out.problems.push(diagnostic);
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

fn partner(open: char) -> char {
    match open {
        '{' => '}',
        '(' => ')',
        _ => ']',
    }
}

fn quote_help(c: char) -> Option<&'static str> {
    match c {
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{00AB}' | '\u{00BB}' | '\u{300C}'
        | '\u{300D}' | '\u{2018}' | '\u{2019}' => Some("use the straight mark `\"`"),
        _ => None,
    }
}

/// Control characters other than tab and the line's end; bidirectional overrides; zero-width characters.
pub(crate) fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

fn span(start: usize, end: usize) -> Span {
    Span {
        source: 0,
        start,
        end,
    }
}
