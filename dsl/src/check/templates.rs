//! Templates: syntax, and the names that they read.

use std::collections::BTreeSet;

use super::entry::Checker;
use super::scope::Kind;
use super::typing::fields;
use crate::catalogue::Type;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use crate::suggest;

/// What the template engine brings with it.
const ENGINE: &[&str] = &[
    "range",
    "dict",
    "namespace",
    "debug",
    "loop",
    "self",
    "super",
];

/// Names that the member's environment file alone can read.
const ENVIRONMENT_FILE: &[&str] = &["initial_cluster", "token", "state"];

impl Checker<'_> {
    /// Checks a template used at `at`. `private`: the file is readable by its owner alone. `environment_file`: it is the
    /// member's own.
    pub(super) fn template(&mut self, name: &str, at: Span, private: bool, environment_file: bool) {
        let source = match self.template_source(name) {
            Ok(source) => source,
            Err(error) => {
                self.problem(
                    Diagnostic::new(
                        Code::TemplateMissing,
                        format!("template `{name}`: {error}"),
                        at,
                    )
                    .label("no such template")
                    .help("templates stand in `templates/` beside the runbook"),
                );
                return;
            }
        };
        let text = self.sources[source].text.clone();
        let mut environment = minijinja::Environment::new();
        environment.set_debug(true);
        let names: BTreeSet<String> = match environment.template_from_named_str(name, &text) {
            Ok(template) => template.undeclared_variables(true).into_iter().collect(),
            Err(error) => {
                self.template_syntax(&error, source, &text, at);
                return;
            }
        };
        for path in names {
            self.template_name(&path, source, &text, (at, private, environment_file));
        }
    }

    fn template_source(&mut self, name: &str) -> Result<usize, super::entry::LoadError> {
        let found = self.loader.template(name)?;
        if let Some(index) = self.sources.iter().position(|s| *s == found) {
            return Ok(index);
        }
        self.sources.push(found);
        Ok(self.sources.len() - 1)
    }

    fn template_syntax(&mut self, error: &minijinja::Error, source: usize, text: &str, at: Span) {
        let range = error.range().unwrap_or_else(|| {
            let line = error.line().unwrap_or(1).max(1);
            let start: usize = text
                .split_inclusive('\n')
                .take(line - 1)
                .map(str::len)
                .sum();
            start..start + text[start..].lines().next().map_or(0, str::len)
        });
        let mut message = error.kind().to_string();
        if let Some(detail) = error.detail() {
            message = format!("{message}: {detail}");
        }
        let used = self.used_at(at);
        self.problem(
            Diagnostic::new(
                Code::TemplateSyntax,
                message,
                Span {
                    source,
                    start: range.start.min(text.len()),
                    end: range.end.min(text.len()),
                },
            )
            .label("not understood")
            .help(format!("the template is used at {used}")),
        );
    }

    fn template_name(
        &mut self,
        path: &str,
        source: usize,
        text: &str,
        (at, private, environment_file): (Span, bool, bool),
    ) {
        let (name, field) = path.split_once('.').unwrap_or((path, ""));
        // A parameter of that name does not hide the host's member from templates.
        let own = fields(name).is_empty();
        if let Some((kind, ty)) = self
            .scope
            .get(name)
            .filter(|_| own)
            .map(|s| (s.kind, s.ty.clone()))
        {
            let secret = match ty {
                Some(Type::Optional(inner) | Type::List(inner)) => *inner == Type::Secret,
                Some(ty) => ty == Type::Secret,
                None => false,
            };
            let place = find(text, source, name);
            if kind == Kind::Given || kind == Kind::Target && self.scope.in_procedure {
                let help = "a procedure's parameters are not known to templates".to_owned();
                self.undefined(path, place, at, help);
            } else if kind == Kind::Target {
                self.undefined(
                    path,
                    place,
                    at,
                    "a target's hosts are not known to templates".to_owned(),
                );
            } else if secret && !private {
                self.problem(
                    Diagnostic::new(
                        Code::SecretExposed,
                        format!("the secret `{name}` would stand in a file that others can read"),
                        at,
                    )
                    .label("the template reads a secret")
                    .help("add `mode 0600`"),
                );
            }
            return;
        }
        let known = name == "cluster"
            || ENGINE.contains(&name)
            || (environment_file && ENVIRONMENT_FILE.contains(&name))
            // The whole of `run`, `host` or `member` may be handed on.
            || (!fields(name).is_empty() && (field.is_empty() || fields(name).contains(&first(field))));
        if known {
            return;
        }
        let near = if fields(name).is_empty() {
            let names: Vec<&str> = self
                .scope
                .names()
                .chain(["run", "cluster", "host", "member"])
                .collect();
            suggest::nearest(name, names).map(str::to_owned)
        } else {
            suggest::nearest(first(field), fields(name).iter().copied())
                .map(|f| format!("{name}.{f}"))
        };
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.scope.in_procedure => {
                "templates of a procedure read `run.id`, `cluster`, `host.*` and `member.*`"
                    .to_owned()
            }
            None => "templates read parameters, lets, `run.id`, `cluster`, `host.*` and `member.*`"
                .to_owned(),
        };
        let place = find(text, source, path);
        self.undefined(path, place, at, help);
    }

    fn undefined(&mut self, path: &str, place: Span, at: Span, help: String) {
        let used = self.used_at(at);
        self.problem(
            Diagnostic::new(
                Code::TemplateUndefined,
                format!("`{path}` has no value"),
                place,
            )
            .label("not defined")
            .help(format!("{help}; the template is used at {used}")),
        );
    }

    fn used_at(&self, at: Span) -> String {
        let source = &self.sources[at.source];
        let (line, column) = crate::diagnostic::line_column(&source.text, at.start);
        format!("{}:{line}:{column}", source.name)
    }
}

fn first(field: &str) -> &str {
    field.split('.').next().unwrap_or(field)
}

/// First place of a name in a template, as a whole word.
fn find(text: &str, source: usize, path: &str) -> Span {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let start = text
        .match_indices(path)
        .map(|(i, _)| i)
        .find(|i| {
            !text[..*i].ends_with(word)
                && !text[i + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
        .unwrap_or(0);
    let end = if text[start..].starts_with(path) {
        start + path.len()
    } else {
        start
    };
    Span { source, start, end }
}
