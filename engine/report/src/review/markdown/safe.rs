//! Text from elsewhere in Markdown: it cannot end its cell, its span or its line, nor become markup, a link or a mention.

use crate::text::escape;

/// Bytes of one value that are shown.
const LONGEST: usize = 700;
/// What stands where a value was cut.
const CUT: &str = "… (cut)";

/// Text outside code: Markdown's and HTML's own characters lose their meaning.
pub(super) fn prose(text: &str) -> String {
    let text = escape(text);
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
            c if "*_`|[]\\~$".contains(c) || begins_block(before, c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether `c`, with this before it on its line, would make a list or a heading of the line.
fn begins_block(before: &str, c: char) -> bool {
    match c {
        '-' | '+' | '=' => before.is_empty(),
        '.' | ')' => !before.is_empty() && before.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// Text as a code span: its fence is longer than any run of backticks in it.
pub(super) fn code(text: &str) -> String {
    span(&escape(text).replace('\n', " "))
}

/// A code span in a table's cell, where a bar would end the cell.
pub(super) fn cell(text: &str) -> String {
    span(&escape(text).replace('\n', " ")).replace('|', "\\|")
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

/// Text within HTML tags, where Markdown means nothing.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text).trim().chars() {
        if out.len() > LONGEST {
            return out + CUT;
        }
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '@' => out.push_str("@\u{200b}"),
            '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
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
    use super::{cell, code, fenced, prose};

    #[test]
    fn prose_is_no_markup() {
        assert_eq!(
            prose("<img src=x> & *b*"),
            "&lt;img src=x&gt; &amp; \\*b\\*"
        );
        assert_eq!(prose("[x](https://evil)"), "\\[x\\](https&#58;//evil)");
        assert_eq!(prose("www.evil.example"), "www&#46;evil.example");
        assert_eq!(prose("ask @all of #1"), "ask @\u{200b}all of \\#\u{200b}1");
        assert_eq!(prose("- a\n- b"), "\\- a - b");
        assert_eq!(prose("1. a"), "1\\. a");
        assert_eq!(prose("now. then"), "now. then");
        assert_eq!(prose("===\n"), "\\===");
        assert_eq!(prose("a\u{202e}b"), "a\\\\u{202e}b");
        assert_eq!(prose("3.5.16 of 10.0.0.1"), "3\\.5.16 of 10.0.0.1");
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
