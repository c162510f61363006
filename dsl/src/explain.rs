//! What a word of the language means, for an operator's terminal and for the reference: both from the catalogue.

use std::fmt::Write as _;

use crate::catalogue::{
    Argument, ArgumentType, Effect, FUNCTIONS, FunctionRow, GUARDS, GuardRow, TYPES, TypeRow,
    VERBS, VerbRow, WORDS, WordRow,
};
use crate::check::{signature, simple, usage};
use crate::codes::{CODES, CodeRow, Severity};

/// What a verb, guard, function, type, `import`, `procedure` or diagnostic's code means; `verbs`, `guards`, `functions`, `types` and `codes` list
/// them. None: no such word.
pub fn explain(word: &str) -> Option<String> {
    let word = word.trim().trim_matches('`');
    let mut out: Vec<String> = Vec::new();
    out.extend(VERBS.iter().filter(|r| r.name == word).map(verb));
    out.extend(GUARDS.iter().filter(|r| r.name == word).map(guard));
    out.extend(FUNCTIONS.iter().filter(|r| r.name == word).map(function));
    out.extend(TYPES.iter().filter(|r| r.name == word).map(type_row));
    out.extend(WORDS.iter().filter(|r| r.name == word).map(word_row));
    out.extend(
        CODES
            .iter()
            .filter(|r| r.name == word || r.name.rsplit("::").next() == Some(word))
            .map(code),
    );
    out.extend(listing(word));
    if out.is_empty() {
        None
    } else {
        Some(out.join("\n"))
    }
}

/// The nearest word that [`explain`] knows.
pub fn did_you_mean(word: &str) -> Option<&'static str> {
    let codes = CODES
        .iter()
        .flat_map(|r| [r.name, r.name.rsplit("::").next().unwrap_or(r.name)]);
    let known = VERBS
        .iter()
        .map(|r| r.name)
        .chain(GUARDS.iter().map(|r| r.name))
        .chain(FUNCTIONS.iter().map(|r| r.name))
        .chain(TYPES.iter().map(|r| r.name))
        .chain(WORDS.iter().map(|r| r.name))
        .chain(codes)
        .chain(["verbs", "guards", "functions", "types", "codes"]);
    crate::suggest::nearest(word, known)
}

fn listing(word: &str) -> Option<String> {
    let rows: Vec<(String, &str)> = match word {
        "verbs" => VERBS.iter().map(|r| (r.name.to_owned(), r.doc)).collect(),
        "guards" => GUARDS
            .iter()
            .map(|r| (signature(r.name, r.arguments), r.doc))
            .collect(),
        "functions" => FUNCTIONS
            .iter()
            .map(|r| (signature(r.name, r.arguments), r.doc))
            .collect(),
        "types" => TYPES.iter().map(|r| (r.name.to_owned(), r.doc)).collect(),
        "codes" => CODES.iter().map(|r| (r.name.to_owned(), "")).collect(),
        _ => return None,
    };
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, doc) in rows {
        let _ = writeln!(out, "{}", format!("{name:width$}  {doc}").trim_end());
    }
    Some(out)
}

fn verb(row: &VerbRow) -> String {
    let mut out = format!(
        "verb `{}`\n\n  {}\n\n{}.\n",
        row.name,
        usage(row),
        capital(row.doc)
    );
    arguments(&mut out, row.arguments);
    let effects: Vec<&str> = row.effects.iter().map(|e| effect(*e)).collect();
    let _ = write!(
        out,
        "\nEffect: {}.\nUndo: {}.\n",
        effects.join("; "),
        undo(row)
    );
    let _ = write!(out, "\nExample:\n  {}\n", row.example);
    out
}

fn guard(row: &GuardRow) -> String {
    let mut out = format!(
        "guard `{}`\n\nHolds when {}.\n",
        signature(row.name, row.arguments),
        row.doc
    );
    arguments(&mut out, row.arguments);
    let _ = write!(out, "\nExample:\n  {}\n", row.example);
    out
}

fn function(row: &FunctionRow) -> String {
    let mut out = format!(
        "function `{}`, gives a {}\n\n{}.\n",
        signature(row.name, row.arguments),
        row.result,
        capital(row.doc)
    );
    arguments(&mut out, row.arguments);
    let _ = write!(out, "\nExample:\n  {}\n", row.example);
    out
}

fn type_row(row: &TypeRow) -> String {
    format!(
        "type `{}`\n\n{}.\n\nExample:\n  {}\n",
        row.name,
        capital(row.doc),
        row.example
    )
}

fn word_row(row: &WordRow) -> String {
    format!(
        "word `{}`\n\n  {}\n\n{}\n\nExample:\n  {}\n",
        row.name,
        row.form,
        row.doc,
        row.example.replace('\n', "\n  ")
    )
}

fn code(row: &CodeRow) -> String {
    let severity = match row.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{severity} `{}`\n\n{}\n", row.name, row.explanation)
}

fn arguments(out: &mut String, arguments: &[Argument]) {
    if arguments.is_empty() {
        return;
    }
    out.push('\n');
    for argument in arguments {
        let name = argument.label.unwrap_or(argument.name);
        let optional = if argument.optional {
            ", may be left out"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "  {name}: {}{optional}. {}.",
            accepts(argument.ty),
            capital(argument.doc)
        );
    }
}

fn accepts(ty: ArgumentType) -> String {
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|w| format!("`{w}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    };
    match ty {
        ArgumentType::Value(types) => types
            .iter()
            .map(|t| simple(*t))
            .collect::<Vec<_>>()
            .join(" or "),
        ArgumentType::Word(list) => words(list),
        ArgumentType::Words(list) => format!("one of, or a list of, {}", words(list)),
        ArgumentType::WordOrText => "a word or a text".to_owned(),
        ArgumentType::Target => "a target".to_owned(),
        ArgumentType::Template => "a template's name".to_owned(),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Reads => "reads only",
        Effect::ChangesHost => "changes files, packages or users on the host",
        Effect::StopsVoter => "may stop a member",
        Effect::StartsMember => "may start a member",
        Effect::SetsDataAside => "sets a data dir aside",
        Effect::ReplacesData => "replaces a data dir",
        Effect::AddsMember => "lists a member that was not listed",
        Effect::AddsVoter => "gives a learner a vote",
        Effect::RemovesMember => "takes a member from the list",
        Effect::RenamesPeer => "changes the URL by which members call a member",
        Effect::MovesLeader => "makes another member lead",
        Effect::DropsHistory => "drops old revisions",
        Effect::PausesMember => "pauses a member",
        Effect::ClearsAlarm => "clears an alarm",
        Effect::WritesControlHost => "writes files on this machine",
        Effect::Opaque => "unknown",
    }
}

fn undo(row: &VerbRow) -> &'static str {
    row.undo
        .unwrap_or("none of its own; write `undo { ... }` where there is one")
}

fn capital(text: &str) -> String {
    // A word in backticks keeps its spelling.
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// The reference's tables of types, functions, guards, verbs and diagnostics, in Markdown.
pub fn catalogue_markdown() -> String {
    let mut out = String::from("## Types\n\n| type | meaning | example |\n|---|---|---|\n");
    for row in TYPES {
        let _ = writeln!(
            out,
            "| `{}` | {} | `{}` |",
            row.name,
            cell(row.doc),
            cell(row.example)
        );
    }
    out.push_str("\n## Functions\n\n| function | gives | meaning |\n|---|---|---|\n");
    for row in FUNCTIONS {
        let empty = if row.may_be_empty { ", maybe none" } else { "" };
        let _ = writeln!(
            out,
            "| `{}` | {}{empty} | {} |",
            signature(row.name, row.arguments),
            row.result,
            cell(row.doc)
        );
    }
    out.push_str("\n## Guards\n\n| guard | holds when |\n|---|---|\n");
    for row in GUARDS {
        let _ = writeln!(
            out,
            "| `{}` | {} |",
            signature(row.name, row.arguments),
            cell(row.doc)
        );
    }
    out.push_str("\n## Verbs\n");
    for row in VERBS {
        verb_markdown(&mut out, row);
    }
    out.push_str("\n## Diagnostics\n\n| code | meaning and mend |\n|---|---|\n");
    for row in CODES {
        let warning = if row.severity == Severity::Warning {
            " (warning)"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "| `{}`{warning} | {} |",
            row.name,
            cell(row.explanation)
        );
    }
    out
}

fn verb_markdown(out: &mut String, row: &VerbRow) {
    let _ = write!(
        out,
        "\n### {}\n\n    {}\n\n{}.\n",
        row.name,
        usage(row),
        capital(row.doc)
    );
    if !row.arguments.is_empty() {
        out.push('\n');
    }
    for argument in row.arguments {
        let name = argument.label.unwrap_or(argument.name);
        let optional = if argument.optional {
            ", may be left out"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "- `{name}` ({}{optional}): {}",
            accepts(argument.ty),
            argument.doc
        );
    }
    let effects: Vec<&str> = row.effects.iter().map(|e| effect(*e)).collect();
    let _ = write!(
        out,
        "\nEffect: {}. Undo: {}.\n\nExample: `{}`\n",
        effects.join("; "),
        undo(row),
        row.example
    );
}

/// Text for a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
