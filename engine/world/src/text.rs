//! Remote output made harmless: bounded, and without anything that a terminal would act on.

use std::collections::VecDeque;

/// Longest line shown, in characters.
pub const LINE_LIMIT: usize = 200;

/// Text for people from any bytes: control signs, escapes and bidi overrides are spelled out, newlines are kept.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(c, &mut out);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

fn escape_char(c: char, out: &mut String) {
    match c {
        '\n' => out.push('\n'),
        '\t' => out.push_str("    "),
        '\r' => out.push_str("\\r"),
        c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        // Directional overrides, isolates and other invisible signs can make a line read as what it is not.
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{061c}' => {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        }
        c => out.push(c),
    }
}

/// One escaped line, cut to [`LINE_LIMIT`] characters.
pub fn line(bytes: &[u8]) -> String {
    cut(escape(bytes).trim_end_matches('\n'), LINE_LIMIT).replace('\n', "\\n")
}

/// At most `limit` characters, an ellipsis where something was cut.
pub fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// The first and the last bytes of a stream, and how many there were.
#[derive(Debug)]
pub struct HeadTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    limit: usize,
    total: u64,
}

impl HeadTail {
    /// Keeps `limit` bytes of each end.
    pub fn new(limit: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            limit,
            total: 0,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (self.limit - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let rest = &bytes[room..];
        let rest = &rest[rest.len().saturating_sub(self.limit)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(self.limit);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    /// Bytes kept, with the number left out between both ends.
    pub fn parts(&self) -> (Vec<u8>, u64, Vec<u8>) {
        let kept = (self.head.len() + self.tail.len()) as u64;
        (
            self.head.clone(),
            self.total - kept,
            self.tail.iter().copied().collect(),
        )
    }

    /// Escaped text; `left_out` more bytes were dropped before they got here.
    pub fn shown(&self) -> String {
        let (head, gap, tail) = self.parts();
        if gap == 0 {
            return escape(&[head, tail].concat());
        }
        format!(
            "{}\n… {gap} bytes left out …\n{}",
            escape(&head),
            escape(&tail)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_passes() {
        let hostile = b"\x1b]0;title\x07\x1b[2Jover\rwrite \xff\xfe \xe2\x80\xae bidi\tx\n";
        assert_eq!(
            escape(hostile),
            "\\x1b]0;title\\x07\\x1b[2Jover\\rwrite \\xff\\xfe \\u{202e} bidi    x\n"
        );
        let all: Vec<u8> = (0..=255).collect();
        assert!(escape(&all).chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn both_ends_are_kept_and_the_middle_is_counted() {
        let mut kept = HeadTail::new(4);
        for chunk in [&b"ab"[..], b"cdef", b"", b"ghijklmnop"] {
            kept.push(chunk);
        }
        assert_eq!(kept.parts(), (b"abcd".to_vec(), 8, b"mnop".to_vec()));
        assert_eq!(kept.shown(), "abcd\n… 8 bytes left out …\nmnop");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(
            line("é".repeat(300).as_bytes()).chars().count(),
            LINE_LIMIT + 1
        );
    }
}
