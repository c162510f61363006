//! Lines, indentation, blank lines and comments.

use super::comments::Comments;
use crate::ast::{Block, Comment, File};
use crate::span::{Node, Span};

/// Longest line before it is broken where it can be.
pub(super) const WIDTH: usize = 100;
const INDENT: usize = 2;

pub(super) struct Printer<'a> {
    pub(super) text: &'a str,
    pub(super) comments: Comments<'a>,
    pub(super) out: String,
    pub(super) depth: usize,
    /// Where in the source the last thing written ended.
    last: usize,
    /// Nothing was written yet at this level: no blank line before the first.
    first: bool,
}

/// Lines of a block that are laid out together.
pub(super) trait Lines: Sized {
    /// The columns of a line that is aligned with its neighbours, and how its group is called; none: stands alone.
    fn columns(&self, printer: &Printer<'_>) -> Option<(&'static str, Vec<String>)>;
    /// Where the part ends whose comments stand above the line: its block's brace, or its end.
    fn head_end(&self, span: Span) -> usize;
    /// Writes a line that stands alone, from the current indentation on, without the final newline.
    fn write(&self, printer: &mut Printer<'_>);
}

impl<'a> Printer<'a> {
    pub fn new(text: &'a str, file: &'a File) -> Self {
        Self {
            text,
            comments: Comments::new(&file.comments),
            out: String::new(),
            depth: 0,
            last: 0,
            first: true,
        }
    }

    pub fn file(mut self, file: &File) -> String {
        self.lines(&file.lines);
        let rest = self.comments.before(usize::MAX);
        self.leading(rest, usize::MAX);
        self.out
    }

    /// `{ ... }`, lines one level deeper. The cursor stands behind the head.
    pub fn block<T: Lines>(&mut self, block: &Block<T>) {
        self.out.push('{');
        let open = block.open.span.end;
        let close = block.close.span.start;
        if block.lines.is_empty() && !self.comments.within(open, close) {
            self.out.push('}');
            self.last = block.close.span.end;
            return;
        }
        self.depth += 1;
        self.after(open);
        self.first = true;
        self.lines(&block.lines);
        let rest = self.comments.before(close);
        self.leading(rest, usize::MAX);
        self.depth -= 1;
        self.indent();
        self.out.push('}');
        self.last = block.close.span.end;
        self.first = false;
    }

    fn lines<T: Lines>(&mut self, lines: &[Node<T>]) {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            let group = self.group(&lines[at..]);
            if group.is_empty() {
                let leading = self.comments.before(line.value.head_end(line.span));
                self.leading(leading, line.span.start);
                self.indent();
                line.value.write(self);
                self.after(line.span.end);
                at += 1;
                continue;
            }
            let members = &lines[at..at + group.len()];
            for (member, written) in members.iter().zip(group) {
                let leading = self.comments.before(member.span.end);
                self.leading(leading, member.span.start);
                self.indent();
                self.out.push_str(&written);
                self.after(member.span.end);
            }
            at += members.len();
        }
    }

    /// The aligned texts of the lines from the first on that belong together; empty where the first stands alone.
    fn group<T: Lines>(&self, lines: &[Node<T>]) -> Vec<String> {
        let mut rows = Vec::new();
        let mut kind = None;
        let mut end = None;
        for line in lines {
            let Some((name, columns)) = line.value.columns(self) else {
                break;
            };
            let apart = end.is_some_and(|end| {
                newlines(self.text, end, line.span.start) > 1
                    || self.own_line_comment(end, line.span.end)
            });
            if apart || kind.is_some_and(|k| k != name) {
                break;
            }
            kind = Some(name);
            end = Some(line.span.end);
            rows.push(columns);
        }
        align(&rows)
    }

    /// Whether a comment between two places would come to stand between their lines.
    fn own_line_comment(&self, start: usize, end: usize) -> bool {
        let first_line = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |n| start + n);
        self.comments.within(first_line.min(end), end)
    }

    /// Comments above the line that begins at `start` (`usize::MAX`: none follows).
    fn leading(&mut self, comments: &[Comment], start: usize) {
        for comment in comments {
            // One from the middle of the line stands close above it.
            let inside = comment.span.start > start;
            let place = if inside { start } else { comment.span.start };
            self.blank_line(place.max(self.last));
            self.indent();
            self.out.push_str(&comment.text);
            self.out.push('\n');
            self.first = false;
            self.last = comment.span.end.max(self.last);
            if inside {
                self.last = self.last.max(start);
            }
        }
        if start != usize::MAX {
            self.blank_line(start.max(self.last));
        }
        self.first = false;
    }

    /// One blank line where the author left at least one.
    fn blank_line(&mut self, start: usize) {
        if !self.first && newlines(self.text, self.last, start) > 1 {
            self.out.push('\n');
        }
    }

    /// Ends a line that ended at `end` in the source, with the comment that follows it there.
    fn after(&mut self, end: usize) {
        self.last = end;
        if let Some(comment) = self.comments.trailing(self.text, end) {
            self.out.push_str("  ");
            self.out.push_str(&comment.text);
            self.last = comment.span.end;
        }
        self.out.push('\n');
    }

    pub fn indent(&mut self) {
        self.out.push_str(&self.margin(0));
    }

    /// Blanks of this level and `more` further ones.
    pub fn margin(&self, more: usize) -> String {
        " ".repeat(self.depth * INDENT + more)
    }

    /// Whether a line with these words fits.
    pub fn fits(&self, words: &str) -> bool {
        !words.contains('\n') && self.depth * INDENT + words.chars().count() <= WIDTH
    }
}

fn newlines(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end.min(text.len()))
        .map_or(0, |t| t.bytes().filter(|b| *b == b'\n').count())
}

/// Rows with their columns padded to the widest. Separators belong to the columns.
fn align(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter()
            .filter(|r| r.len() > column + 1)
            .filter_map(|r| r.get(column))
            .map(|c| c.chars().count())
            .filter(|w| *w <= WIDTH / 2)
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0))
        .map(width)
        .collect();
    rows.iter()
        .map(|row| {
            let mut out = String::new();
            for (i, cell) in row.iter().enumerate() {
                out.push_str(cell);
                if i + 1 < row.len() && !cell.contains('\n') {
                    let pad = widths[i].saturating_sub(cell.chars().count());
                    out.push_str(&" ".repeat(pad));
                }
            }
            out.trim_end().to_owned()
        })
        .collect()
}
