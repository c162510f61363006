//! `shell`: the author's program, with values as environment variables only.

use runbook_dsl::expr::{Expr, TextPart};
use runbook_dsl::span::Node;
use runbook_model::action::Action;
use runbook_model::facts::{FileKind, ProbeRequest};
use runbook_model::plan::Change;

use super::{Call, Draft, Site, Work, already, digest_only};
use crate::error::{Fault, Outcome, Problem};
use crate::eval::{Scope, eval};
use crate::paths;
use crate::value::Value;

/// A program with references to variables where the runbook has values, and the variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Script {
    pub(crate) text: String,
    pub(crate) env: Vec<(String, String)>,
}

/// Turns `"rm {path}"` into `rm "${RUNBOOK_1}"` with `RUNBOOK_1` set: a value is never read as program text.
pub(crate) fn script(scope: &Scope<'_>, node: &Node<Expr>) -> Outcome<Script> {
    let Expr::Text(parts) = &node.value else {
        return Err(Problem::from(Fault::Expression {
            why: "a program is written out here: values go into it in braces".to_owned(),
        })
        .at(node.span));
    };
    let mut out = Script::default();
    let mut quote = Quote::None;
    for part in parts {
        match part {
            TextPart::Literal(text) => {
                quote = quote.after(text);
                out.text.push_str(text);
            }
            TextPart::Expr(inner) => {
                let text = value(scope, inner)?;
                let name = format!("RUNBOOK_{}", out.env.len() + 1);
                out.text.push_str(&quote.reference(&name));
                out.env.push((name, text));
            }
        }
    }
    Ok(out)
}

fn value(scope: &Scope<'_>, node: &Node<Expr>) -> Outcome<String> {
    let fault = match eval(scope, node)? {
        Value::Secret(name) => Fault::SecretShown {
            name,
            into: "the plan",
        },
        Value::Unknown(why) => Fault::Expression {
            why: format!("this is not known: {why}"),
        },
        other => match other.text() {
            Some(text) => return Ok(text),
            None => Fault::Expression {
                why: "this has no value".to_owned(),
            },
        },
    };
    Err(Problem::from(fault).at(node.span))
}

/// In which quotes of the shell a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

impl Quote {
    fn after(self, text: &str) -> Self {
        let mut quote = self;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            quote = match (quote, c) {
                (Quote::Single, '\'') | (Quote::Double, '"') => Quote::None,
                (Quote::None, '\'') => Quote::Single,
                (Quote::None, '"') => Quote::Double,
                (Quote::None | Quote::Double, '\\') => {
                    chars.next();
                    quote
                }
                (same, _) => same,
            };
        }
        quote
    }

    /// One word, whatever the value is.
    fn reference(self, name: &str) -> String {
        match self {
            Quote::None => format!("\"${{{name}}}\""),
            Quote::Double => format!("${{{name}}}"),
            Quote::Single => format!("'\"${{{name}}}\"'"),
        }
    }
}

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    Ok(ProbeRequest {
        files: call.text("creates")?.into_iter().map(digest_only).collect(),
        ..ProbeRequest::default()
    })
}

pub(super) fn work(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let script = site.script.cloned().unwrap_or_default();
    let creates = call.text("creates")?;
    if let Some(path) = &creates {
        paths::absolute(path)?;
    }
    let read_only = call.arguments.contains_key("changes");
    let there = creates
        .as_ref()
        .and_then(|path| site.facts.files.get(path))
        .map(|found| found.kind != FileKind::Absent);
    let change = match (&creates, there) {
        _ if read_only => Change::Reads,
        (Some(path), Some(true)) => already(format!("{path} is there")),
        (Some(path), Some(false)) => super::changes(format!("makes {path}")),
        _ => Change::Opaque,
    };
    let first = script.text.lines().find(|l| !l.trim().is_empty());
    Ok(vec![Draft {
        summary: format!(
            "run {}",
            crate::error::shown(first.unwrap_or_default().trim())
        ),
        action: Action::Shell {
            script: script.text,
            env: script.env,
            creates,
            read_only,
        },
        change,
        undo: Vec::new(),
    }]
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_one_word_in_any_quotes() {
        for (before, after) in [
            ("echo ", ""),
            ("echo \"", "\""),
            ("echo '", "'"),
            ("echo \\\"", ""),
        ] {
            let quote = Quote::None.after(before);
            let text = format!(
                "printf %s {}{}",
                before.trim_start_matches("echo ").to_owned() + &quote.reference("V"),
                after
            );
            for hostile in [
                "$(touch /tmp/runbook-shell-test)",
                "'; rm -rf /",
                "a  b*",
                "\"$V\"",
            ] {
                let out = std::process::Command::new("sh")
                    .args(["-c", &text])
                    .env("V", hostile)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&out.stdout).into_owned();
                assert_eq!(
                    said.trim_start_matches('"'),
                    hostile.trim_start_matches('"'),
                    "{text}"
                );
            }
        }
        assert!(!std::path::Path::new("/tmp/runbook-shell-test").exists());
    }
}
