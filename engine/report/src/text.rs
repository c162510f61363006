//! Text from elsewhere, made safe to show.

/// Makes text from a host or file harmless on a terminal and in a report: control characters, escape sequences and
/// direction marks become visible escapes. Newlines stay.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Direction marks and other characters that change how their neighbours are shown.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line, escaped, at most `width` columns wide, cut with `…`.
pub fn one_line(text: &str, width: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    console::truncate_str(&escape(line), width, "…").into_owned()
}

/// Pads to `width` columns (of the terminal, not characters).
pub fn pad(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Left, None).into_owned()
}

/// Prefixes every line.
pub fn indent(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}\n")).collect()
}

/// Breaks at blanks so that no line is wider than `width` columns, where words allow; lines after the first begin with `by`.
/// Colours in `text` do not count.
pub fn wrap(text: &str, width: usize, by: &str) -> String {
    let mut out = String::new();
    let mut used = 0;
    for (index, word) in text.split(' ').enumerate() {
        let wide = console::measure_text_width(word);
        if index > 0 && wide > 0 && used + 1 + wide > width && used > by.len() {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(by);
            used = by.len();
        } else if index > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, one_line, wrap};

    #[test]
    fn wraps_at_blanks_by_columns() {
        assert_eq!(
            wrap("  ~ write 日本 abc", 12, "    "),
            "  ~ write\n    日本 abc"
        );
        assert_eq!(
            wrap("averyverylongword b", 5, "  "),
            "averyverylongword\n  b"
        );
        assert_eq!(wrap("short", 80, "  "), "short");
    }

    #[test]
    fn escapes_what_would_drive_a_terminal() {
        assert_eq!(
            escape("a\u{1b}]0;owned\u{7}b\r\u{202e}c"),
            "a\\u{1b}]0;owned\\u{7}b\\u{d}\\u{202e}c"
        );
        assert_eq!(escape("日本\nx"), "日本\nx");
    }

    #[test]
    fn cuts_by_columns_not_characters() {
        assert_eq!(one_line("日本語テキスト\nmore", 7), "日本語…");
    }
}
