//! Words of a host line, as Python's `shlex.split(line, comments=True)` cuts them. No Rust splitter does what it does with
//! backslashes and with a `#` inside a word.

use std::ops::Range;

/// A word without its quotes, and the bytes that it was written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Where it stands in the line.
    pub span: Range<usize>,
}

/// The words of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// In order.
    pub words: Vec<Word>,
    /// A `#` that cut the last word short stands here.
    pub cut: Option<usize>,
}

/// Why a line cannot be cut, and where that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbalanced {
    /// A quote that is never closed.
    Quote(usize),
    /// A backslash before the end.
    Escape(usize),
}

enum State {
    Between,
    Word,
    Quote(char, usize),
    Escape(Option<(char, usize)>, usize),
}

/// Cuts a line; `comments` says whether `#` starts one.
pub fn split(line: &str, comments: bool) -> Result<Words, Unbalanced> {
    let mut out = Words::default();
    let mut word = Word {
        text: String::new(),
        span: 0..0,
    };
    let mut quoted = false;
    let mut state = State::Between;
    for (at, c) in line.char_indices() {
        let blank = matches!(c, ' ' | '\t' | '\r' | '\n');
        state = match state {
            State::Between | State::Word if blank => {
                finish(&mut out, &mut word, &mut quoted, at);
                State::Between
            }
            State::Between | State::Word if comments && c == '#' => {
                if matches!(state, State::Word) {
                    out.cut = Some(at);
                    finish(&mut out, &mut word, &mut quoted, at);
                }
                return Ok(out);
            }
            State::Between | State::Word => {
                if matches!(state, State::Between) {
                    word.span.start = at;
                }
                match c {
                    '\\' => State::Escape(None, at),
                    '\'' | '"' => {
                        quoted = true;
                        State::Quote(c, at)
                    }
                    c => {
                        word.text.push(c);
                        State::Word
                    }
                }
            }
            State::Quote(q, _) if c == q => State::Word,
            State::Quote('"', from) if c == '\\' => State::Escape(Some(('"', from)), at),
            State::Quote(q, from) => {
                word.text.push(c);
                State::Quote(q, from)
            }
            State::Escape(None, _) => {
                word.text.push(c);
                State::Word
            }
            State::Escape(Some((q, from)), _) => {
                if c != '\\' && c != q {
                    word.text.push('\\');
                }
                word.text.push(c);
                State::Quote(q, from)
            }
        };
    }
    match state {
        State::Between => {}
        State::Word => finish(&mut out, &mut word, &mut quoted, line.len()),
        State::Quote(_, at) => return Err(Unbalanced::Quote(at)),
        State::Escape(_, at) => return Err(Unbalanced::Escape(at)),
    }
    Ok(out)
}

fn finish(out: &mut Words, word: &mut Word, quoted: &mut bool, at: usize) {
    if !word.text.is_empty() || *quoted {
        word.span.end = at;
        out.words.push(std::mem::replace(
            word,
            Word {
                text: String::new(),
                span: 0..0,
            },
        ));
    }
    *quoted = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        split(line, true)
            .unwrap()
            .words
            .into_iter()
            .map(|w| w.text)
            .collect()
    }

    /// Each right side is what `shlex.split(left, comments=True)` of Python 3.11 gave.
    #[test]
    fn cuts_as_python_does() {
        assert_eq!(
            of("h a=1 b='x y' c=\"p q\""),
            ["h", "a=1", "b=x y", "c=p q"]
        );
        assert_eq!(of("h a=b#c d=e"), ["h", "a=b"]);
        assert_eq!(of("h a='b#c' # end"), ["h", "a=b#c"]);
        assert_eq!(
            of(r"h a=x\y b=\\ c='\n' d=\'"),
            ["h", "a=xy", r"b=\", r"c=\n", "d='"]
        );
        assert_eq!(of(r#"h a="x\"y\n\\""#), ["h", "a=x\"y\\n\\"]);
        assert_eq!(of("h a='' ''"), ["h", "a=", ""]);
        assert_eq!(of("h a='x'\"y\"z"), ["h", "a=xyz"]);
        assert_eq!(of(r"h \#x"), ["h", "#x"]);
        assert_eq!(split("h a='x", true), Err(Unbalanced::Quote(4)));
        assert_eq!(split(r#"h a="x\"#, true), Err(Unbalanced::Escape(6)));
        assert_eq!(split("h a=b#c", true).unwrap().cut, Some(5));
        assert_eq!(split("h a=b #c", true).unwrap().cut, None);
    }
}
