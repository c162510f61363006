//! Lines as Python's `str.splitlines` cuts them, with their place.

/// A line without its end, and the byte at which it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Offset of the first byte.
    pub start: usize,
    /// The text.
    pub text: &'a str,
}

/// All lines; the last one only if it is not empty.
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_line_end(c) {
            continue;
        }
        found.push(Line {
            start,
            text: &text[start..at],
        });
        start = at + c.len_utf8();
        if c == '\r' && chars.peek().is_some_and(|(_, n)| *n == '\n') {
            chars.next();
            start += 1;
        }
    }
    if start < text.len() {
        found.push(Line {
            start,
            text: &text[start..],
        });
    }
    found
}

fn is_line_end(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Python's `str.strip`: the text and how many bytes were cut before it.
pub fn strip(text: &str) -> (usize, &str) {
    let space = |c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f');
    let tail = text.trim_start_matches(space);
    (text.len() - tail.len(), tail.trim_end_matches(space))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_where_python_cuts() {
        let of = |t| {
            lines(t)
                .into_iter()
                .map(|l| (l.start, l.text))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of("a\r\nb\rc\n\nd"),
            [(0, "a"), (3, "b"), (5, "c"), (7, ""), (8, "d")]
        );
        assert_eq!(of("a\u{2028}b\x0b"), [(0, "a"), (4, "b")]);
        assert_eq!(of(""), []);
    }
}
