//! The way through the formatter, and the proof that it changed nothing but layout.

use super::printer::Printer;
use crate::ast::File;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::parse::parse;
use crate::span::Span;

/// The canonical layout of a runbook. A text that does not parse is not touched.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let file = parse(text)?;
    let out = Printer::new(text, &file).file(&file);
    match parse(&out) {
        Ok(again) if same(&file, &again) => Ok(out),
        // A bug of ours; better said than a runbook silently changed.
        _ => Err(vec![
            Diagnostic::new(
                Code::FormatDiffers,
                "formatting would have changed this runbook's meaning",
                Span::default(),
            )
            .label("left as it was")
            .help("this is a bug of runbook: please report it with the file"),
        ]),
    }
}

/// Whether two files mean the same and say the same beside it.
fn same(a: &File, b: &File) -> bool {
    let comments = |f: &File| {
        let mut texts: Vec<String> = f.comments.iter().map(|c| c.text.clone()).collect();
        // A comment in the middle of a line moves above it.
        texts.sort();
        texts
    };
    a.lines == b.lines && comments(a) == comments(b)
}
