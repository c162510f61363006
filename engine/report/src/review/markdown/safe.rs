//! Text from elsewhere in Markdown: it cannot end its cell, its span or its line, nor become markup, a link or a mention.

use crate::text::escape;

/// Bytes of one value that are shown.
const LONGEST: usize = 700;

/// Escaped, and not much longer than what will be shown: values may be megabytes.
fn start(text: &str) -> String {
    let end = text.char_indices().nth(2 * LONGEST);
    escape(&text[..end.map_or(text.len(), |(at, _)| at)])
}

/// What stands where a value was cut.
const CUT: &str = "… (cut)";

/// Text outside code: Markdown's and HTML's own characters lose their meaning.
pub(super) fn prose(text: &str) -> String {
    let text = start(text);
    let text = text.trim();
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        if out.len() > LONGEST {
            return out + CUT;
        }
        let before = &text[..at];
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' => out.push(' '),
            // No link comes of an address, no mention of a name, no reference of a number.
            ':' if text[at..].starts_with("://") => out.push_str("&#58;"),
            '.' if before.to_ascii_lowercase().ends_with("www") => out.push_str("&#46;"),
            '@' => out.push_str("@\u{200b}"),
            '#' => out.push_str("\\#\u{200b}"),
            c if "*_`|[]\\~$".contains(c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Prose at the beginning of a line, where it could make a list or a heading of the line.
pub(super) fn paragraph(text: &str) -> String {
    let text = prose(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'=') if digits == 0 => format!("\\{text}"),
        Some(b'.' | b')') if digits > 0 => format!("{}\\{}", &text[..digits], &text[digits..]),
        _ => text,
    }
}

/// Text as a code span: its fence is longer than any run of backticks in it.
pub(super) fn code(text: &str) -> String {
    span(&start(text).replace('\n', " "))
}

/// A code span in a table's cell, where a bar would end the cell.
pub(super) fn cell(text: &str) -> String {
    span(&start(text).replace('\n', " ")).replace('|', "\\|")
}

fn span(text: &str) -> String {
    let text = match text.char_indices().find(|(at, _)| *at > LONGEST) {
        Some((at, _)) => format!("{}{CUT}", &text[..at]),
        None => text.to_owned(),
    };
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let blank = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// Text within HTML tags. Markdown should mean nothing there, but not every reader of it knows that.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    for c in start(text).trim().chars() {
        if out.len() > LONGEST {
            return out + CUT;
        }
        match c {
            '\n' => out.push(' '),
            '@' => out.push_str("@\u{200b}"),
            c if c.is_ascii_alphanumeric() || !c.is_ascii() || " ,.-+/()".contains(c) => {
                out.push(c)
            }
            c => out += &format!("&#{};", u32::from(c)),
        }
    }
    out.replace("www.", "www&#46;")
}

/// A block of code of any text: its fence is longer than any run of backticks in it.
pub(super) fn fenced(language: &str, text: &str, by: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let body = crate::text::indent(&escape(text), by);
    format!("{by}{fence}{language}\n{body}{by}{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{cell, code, fenced, html, paragraph, prose};

    #[test]
    fn prose_is_no_markup() {
        assert_eq!(
            prose("<img src=x> & *b*"),
            "&lt;img src=x&gt; &amp; \\*b\\*"
        );
        assert_eq!(prose("[x](https://evil)"), "\\[x\\](https&#58;//evil)");
        assert_eq!(prose("www.evil.example"), "www&#46;evil.example");
        assert_eq!(prose("ask @all of #1"), "ask @\u{200b}all of \\#\u{200b}1");
        assert_eq!(paragraph("- a\n- b"), "\\- a - b");
        assert_eq!(paragraph("1. a"), "1\\. a");
        assert_eq!(paragraph("a. b"), "a. b");
        assert_eq!(prose("now. then"), "now. then");
        assert_eq!(paragraph("===\n"), "\\===");
        assert_eq!(prose("a\u{202e}b"), "a\\\\u{202e}b");
    }

    #[test]
    fn text_in_tags_is_text() {
        assert_eq!(
            html("a<b> [x](y) etcd-1.prod"),
            "a&#60;b&#62; &#91;x&#93;(y) etcd-1.prod"
        );
        assert_eq!(html("www.x"), "www&#46;x");
    }

    #[test]
    fn nothing_ends_a_code_span_but_its_fence() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code("two\nlines"), "`two lines`");
        assert_eq!(code(""), "(empty)");
        assert_eq!(cell("a|b"), "`a\\|b`");
    }

    #[test]
    fn nothing_ends_a_fence_but_its_own() {
        let text = fenced("diff", "a\n````\nb", "  ");
        assert_eq!(text, "  `````diff\n  a\n  ````\n  b\n  `````\n");
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let long = "<".repeat(10_000);
        assert!(prose(&long).len() < 800 && prose(&long).ends_with("(cut)"));
        assert!(code(&long).len() < 800 && code(&long).contains("(cut)"));
    }
}
