//! A line that the grammar refused is parsed again by itself, for the precise place and for what was wanted there.

use pest::Parser;
use pest::error::{Error, ErrorVariant, InputLocation};

use super::{Grammar, Rule, words};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use crate::suggest;

/// What kind of line it should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a runbook or outage.
    Item,
    /// Of a step.
    Statement,
    /// Of an undo.
    UndoCall,
    /// Of a test.
    TestLine,
}

/// Words that begin a line of a runbook.
pub(crate) const ITEM_WORDS: &[&str] = &[
    "about",
    "edition",
    "param",
    "target",
    "let",
    "done",
    "require",
    "warn",
    "step",
    "outage",
    "confirm",
    "irreversible",
    "ensure",
    "on",
];

/// Words that begin a line at the top of a file.
const TOP_WORDS: [&str; 5] = ["runbook", "import", "procedure", "edition", "test"];

/// Words that begin a line of a test.
const TEST_WORDS: [&str; 3] = ["given", "when", "expect"];

/// Whether a text begins as a file's line does.
pub(super) fn begins_top(text: &str) -> bool {
    TOP_WORDS.contains(&first_word(text))
}

/// A top-level text that is none of a file's lines.
pub(super) fn top(text: &str, span: Span) -> Diagnostic {
    let word = first_word(text);
    match word {
        "runbook" => return without_block(text, span, Rule::only_runbook_head),
        "procedure" => return without_block(text, span, Rule::only_procedure_head),
        "test" => return without_block(text, span, Rule::only_test_head),
        "import" | "edition" => {
            if let Err(error) = Grammar::parse(Rule::only_top, text) {
                return syntax(&error, text, span.start);
            }
        }
        _ => {}
    }
    let inside = (ITEM_WORDS.contains(&word)).then(|| {
        format!("`{word}` stands in a runbook, `runbook NAME {{ ... }}`, or in a procedure")
    });
    Diagnostic::new(
        Code::NoRunbook,
        format!("expected `runbook NAME {{`, found `{}`", shown(word)),
        Span {
            end: span.start + word.len(),
            ..span
        },
    )
    .label("not a runbook")
    .maybe_help(inside.or_else(|| suggest::did_you_mean(word, TOP_WORDS)))
}

/// A head that no block follows.
fn without_block(text: &str, span: Span, rule: Rule) -> Diagnostic {
    if Grammar::parse(rule, text.trim_end()).is_err() {
        return head(text, span, rule);
    }
    Diagnostic::new(Code::Syntax, "nothing follows this head", span)
        .label("expected `{` behind it")
        .help("write its lines in braces: `{ ... }`")
}

/// A line of a block.
pub(super) fn line(text: &str, span: Span, kind: Kind) -> Diagnostic {
    let rule = match kind {
        Kind::Item => Rule::only_item,
        Kind::Statement => Rule::only_statement,
        Kind::UndoCall => Rule::only_statement,
        Kind::TestLine => Rule::only_test_line,
    };
    let word = first_word(text);
    let called = text.trim_start()[word.len()..].starts_with('(');
    if kind == Kind::Item && !ITEM_WORDS.contains(&word) && !word.is_empty() && !called {
        return unknown_statement(word, span);
    }
    if kind == Kind::TestLine && !TEST_WORDS.contains(&word) && !word.is_empty() {
        return not_of_a_test(word, span);
    }
    match Grammar::parse(rule, text) {
        Err(error) => syntax(&error, text, span.start),
        // It is good by itself, so it is of a kind that does not belong here.
        Ok(_) => Diagnostic::new(Code::Syntax, "this cannot stand here", span)
            .label("not a verb")
            .help("in `undo` stand verbs only"),
    }
}

fn unknown_statement(word: &str, span: Span) -> Diagnostic {
    let place = Span {
        end: span.start + word.len(),
        ..span
    };
    let found = Diagnostic::new(
        Code::UnknownStatement,
        format!("no line of a runbook begins with `{}`", shown(word)),
        place,
    )
    .label("unknown here");
    if matches!(word, "import" | "procedure" | "test") {
        return found.help("it stands at the top of the file, outside of the runbook's braces");
    }
    if crate::catalogue::Verb::parse(word).is_some() {
        return found.help(format!(
            "`{word}` is a verb: put it in a step, `step \"...\" on members parallel {{ {word} ... }}`"
        ));
    }
    match suggest::did_you_mean(word, ITEM_WORDS.iter().copied()) {
        Some(help) => found.help(help),
        None => found.help(
            "lines begin with `about`, `edition`, `param`, `target`, `let`, `done when`, `require`, `warn`, `step`, `outage`, `confirm`, `irreversible`, `ensure` or `on failure`",
        ),
    }
}

fn not_of_a_test(word: &str, span: Span) -> Diagnostic {
    let help = suggest::did_you_mean(word, TEST_WORDS);
    Diagnostic::new(
        Code::UnknownStatement,
        format!("no line of a test begins with `{}`", shown(word)),
        Span {
            end: span.start + word.len(),
            ..span
        },
    )
    .label("unknown here")
    .help(help.unwrap_or_else(|| {
        "lines begin with `given`, `when` or `expect`: `runbook explain test`".to_owned()
    }))
}

/// The head of a block.
pub(super) fn head(text: &str, span: Span, rule: Rule) -> Diagnostic {
    match Grammar::parse(rule, text.trim_end()) {
        Err(error) => syntax_before(&error, text.trim_end(), span.start, "`{`"),
        Ok(_) => {
            Diagnostic::new(Code::Syntax, "this block cannot be read", span).label("in this block")
        }
    }
}

/// pest's error in our words. `text` begins at byte `offset` of the source.
pub(super) fn syntax(error: &Error<Rule>, text: &str, offset: usize) -> Diagnostic {
    syntax_before(error, text, offset, "the end of the line")
}

/// The same, where the text's end is followed by `end`.
pub(super) fn syntax_before(
    error: &Error<Rule>,
    text: &str,
    offset: usize,
    end: &'static str,
) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(p) => p,
        InputLocation::Span((s, _)) => s,
    };
    let at = skip_blanks(text, at.min(text.len()));
    let found = token(&text[at..]);
    let (start, stop) = if found.is_empty() {
        // Nothing stands there: point behind the last thing on the line.
        let end = text[..at].trim_end_matches([' ', '\t', '\r']).len();
        (end, end)
    } else {
        (at, at + found.len())
    };
    let span = Span {
        source: 0,
        start: offset + start,
        end: offset + stop,
    };
    if matches!(&error.variant, ErrorVariant::CustomError { .. }) {
        return Diagnostic::new(Code::TooDeep, "the text nests too deeply to be read", span)
            .label("here");
    }
    let wanted = wanted(error, end);
    let what = if found.is_empty() {
        end.to_owned()
    } else {
        format!("`{}`", shown(found))
    };
    let message = match list(&wanted) {
        Some(wanted) => format!("expected {wanted}, found {what}"),
        None => format!("{what} cannot stand here"),
    };
    let label = match wanted.as_slice() {
        [one] => format!("expected {one}"),
        _ if found.is_empty() => "something is missing here".to_owned(),
        _ => "not expected here".to_owned(),
    };
    Diagnostic::new(Code::Syntax, message, span)
        .label(label)
        .maybe_help(help(text, at, found, &wanted))
}

fn wanted(error: &Error<Rule>, end: &'static str) -> Vec<&'static str> {
    let ErrorVariant::ParsingError { positives, .. } = &error.variant else {
        return Vec::new();
    };
    let mut wanted: Vec<&'static str> = Vec::new();
    for word in positives.iter().filter_map(|r| words::word(*r)) {
        let word = if word == words::LINE_END { end } else { word };
        if !wanted.contains(&word) {
            wanted.push(word);
        }
    }
    // An operator could always follow a value: saying so hides what is missing.
    if wanted.len() > 1 {
        wanted.retain(|w| {
            !matches!(
                *w,
                "an operator"
                    | "`(` with arguments"
                    | "`and`"
                    | "`or`"
                    | "`union`"
                    | "`except`"
                    | "`not`"
            )
        });
    }
    wanted
}

fn list(wanted: &[&str]) -> Option<String> {
    match wanted {
        [] => None,
        [one] => Some((*one).to_owned()),
        [init @ .., last] if wanted.len() <= 8 => Some(format!("{} or {last}", init.join(", "))),
        _ => Some(format!("one of {}, ...", wanted[..6].join(", "))),
    }
}

fn help(text: &str, at: usize, found: &str, wanted: &[&str]) -> Option<String> {
    let before = text[..at].trim_end();
    if found.starts_with('-') {
        return Some("subtraction has a blank on both sides: `a - b`".to_owned());
    }
    if found == "=" && before.ends_with(|c: char| c.is_alphanumeric()) {
        return Some(
            "`=` gives a value to `param`, `target` and `let` only; equality is `==`".to_owned(),
        );
    }
    if found == ";" {
        return Some(
            "statements end with the line: write the next one on a line of its own".to_owned(),
        );
    }
    if found == "'" || found.starts_with('\'') {
        return Some("texts stand in double quotation marks".to_owned());
    }
    if found == "&&" || found == "||" || found == "!" {
        return Some("write `and`, `or`, `not`".to_owned());
    }
    if !found.starts_with(char::is_alphanumeric) {
        return None;
    }
    let words = wanted
        .iter()
        .filter_map(|w| w.strip_prefix('`').and_then(|w| w.strip_suffix('`')));
    suggest::did_you_mean(found, words)
}

fn skip_blanks(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len()
}

/// The word or mark at the beginning of a text; empty at the end of a line.
fn token(text: &str) -> &str {
    let Some(first) = text.chars().next() else {
        return "";
    };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    match first {
        '\n' | '#' => "",
        '"' => {
            let end = text[1..].find(['"', '\n']).map_or(text.len(), |n| n + 2);
            &text[..end.min(text.len())]
        }
        '&' | '|' | '=' => {
            let end = text.find(|c| c != first).unwrap_or(text.len());
            &text[..end]
        }
        c if is_word(c) => {
            let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
            &text[..end]
        }
        c => &text[..c.len_utf8()],
    }
}

fn first_word(text: &str) -> &str {
    token(text.trim_start())
}

/// Long or strange text shortened for a message.
fn shown(text: &str) -> String {
    let line: String = text.chars().take_while(|c| *c != '\n').collect();
    if line.chars().count() > 40 {
        let cut: String = line.chars().take(37).collect();
        format!("{cut}...")
    } else {
        line
    }
}
