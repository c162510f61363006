//! Values that are written out: defaults, counts, times.

use super::entry::Checker;
use super::typing::described;
use crate::ast::TypeRef;
use crate::catalogue::{TYPES, Type};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, TextPart};
use crate::parse::plain;
use crate::span::Node;
use crate::suggest;

impl Checker<'_> {
    /// A type as written; none where it is wrong.
    pub(super) fn type_named(&mut self, written: &Node<TypeRef>) -> Option<Type> {
        let name = &written.value.name;
        let arguments = &written.value.arguments;
        let ty = match name.value.as_str() {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "bytes" => Type::Bytes,
            "duration" => Type::Duration,
            "string" => Type::Text,
            "path" => Type::Path,
            "url" => Type::Url,
            "host" => match arguments.as_slice() {
                [group] if plain_name(&group.value) => Type::HostOf(group.value.name.value.clone()),
                [] => Type::Host,
                _ => return self.unknown_type(written, "name one group: `host(etcd)`"),
            },
            "version" => Type::Version,
            "sha256" => Type::Sha256,
            "secret" => Type::Secret,
            "enum" if !arguments.is_empty() => Type::Enum(
                arguments
                    .iter()
                    .map(|a| a.value.name.value.clone())
                    .collect(),
            ),
            "list" if arguments.len() == 1 => {
                let of = self.type_named(&arguments[0])?;
                if matches!(of, Type::List(_) | Type::Optional(_)) {
                    self.unknown_type(written, "a list holds plain values: `list(host)`");
                    return None;
                }
                Type::List(Box::new(of))
            }
            "enum" => {
                return self.unknown_type(written, "name the words: `enum(small, medium, large)`");
            }
            "list" => {
                return self.unknown_type(written, "name the type of its values: `list(host)`");
            }
            other => {
                let help = suggest::did_you_mean(other, TYPES.iter().map(|t| t.name))
                    .unwrap_or_else(|| {
                        let names: Vec<&str> = TYPES.iter().map(|t| t.name).collect();
                        format!("types are {}", names.join(", "))
                    });
                return self.unknown_type(written, &help);
            }
        };
        if !arguments.is_empty() && !matches!(ty, Type::Enum(_) | Type::List(_) | Type::HostOf(_)) {
            return self.unknown_type(
                written,
                "only `enum`, `host` and `list` take something in parentheses",
            );
        }
        Some(if written.value.optional {
            Type::Optional(Box::new(ty))
        } else {
            ty
        })
    }

    fn unknown_type(&mut self, written: &Node<TypeRef>, help: &str) -> Option<Type> {
        let shown = self.shown(written.span);
        self.problem(
            Diagnostic::new(
                Code::UnknownType,
                format!("`{shown}` is not a type"),
                written.span,
            )
            .label("unknown type")
            .help(help),
        );
        None
    }

    /// A default against its parameter's type.
    pub(super) fn default_fits(&mut self, ty: &Type, value: &Node<Expr>) {
        let ty = match ty {
            Type::Optional(inner) => inner.as_ref(),
            other => other,
        };
        if let (Type::List(of), Expr::List(items)) = (ty, &value.value) {
            for item in items {
                self.default_fits(of, item);
            }
            return;
        }
        let text = plain(value);
        let good = match (ty, &value.value) {
            (Type::Bool, Expr::Bool(_))
            | (Type::Int, Expr::Int(_))
            | (Type::Bytes, Expr::Bytes(_))
            | (Type::Duration, Expr::Duration(_)) => true,
            (Type::Enum(words), Expr::Name(word)) => words.contains(word),
            (Type::Text | Type::Path | Type::Host | Type::HostOf(_), _) => text.is_some(),
            (Type::Url, _) => {
                text.is_some_and(|t| t.starts_with("http://") || t.starts_with("https://"))
            }
            (Type::Version, _) => text.is_some_and(|t| is_version(&t)),
            (Type::Sha256, _) => text.is_some_and(|t| is_sha256(&t)),
            (Type::Secret, _) => {
                self.problem(
                    Diagnostic::new(Code::SecretExposed, "a secret would stand in the runbook", value.span)
                        .label("anyone who reads the runbook sees it")
                        .help("leave the default out: secrets come from the inventory or the command line's `-e @file`"),
                );
                return;
            }
            _ => false,
        };
        if !good {
            let found = fixed(&value.value).map_or_else(
                || "something that is not fixed".to_owned(),
                |t| {
                    if textual_default(ty) && t == Type::Text {
                        "a text that is not one".to_owned()
                    } else {
                        described(&t)
                    }
                },
            );
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    format!("expected {ty}, found {found}"),
                    value.span,
                )
                .label(format!("not a fixed value of type {ty}"))
                .help(example(ty)),
            );
        }
    }

    /// A time written out, in milliseconds.
    pub(super) fn milliseconds(&mut self, value: &Node<Expr>) -> Option<u64> {
        let mut given = value.clone();
        if let Expr::Name(name) = &value.value
            && self.scope.in_procedure
            && self
                .scope
                .get(name)
                .is_some_and(|s| s.ty == Some(Type::Duration))
        {
            match self.scope.bound(name) {
                Some(argument) => given = argument.clone(),
                // It is judged where the procedure is called.
                None => return Some(1),
            }
        }
        if let Expr::Duration(ms) = given.value
            && ms > 0
        {
            return Some(ms);
        }
        let mut found = Diagnostic::new(Code::WrongType, "expected a time", given.span)
            .label("not a time")
            .help("every wait has a limit that stands in the runbook: `30s`, `5m`, `1m30s`");
        if given.span != value.span {
            found = found.and(value.span, "it is a limit here");
        }
        self.problem(found);
        None
    }

    /// A count from 1 on.
    pub(super) fn count(&mut self, value: &Node<Expr>, help: &str) -> Option<u64> {
        if let Expr::Int(n) = value.value
            && let Ok(n @ 1..=100_000) = u64::try_from(n)
        {
            return Some(n);
        }
        self.problem(
            Diagnostic::new(Code::BadCount, "expected a count from 1 on", value.span)
                .label("not a count")
                .help(help),
        );
        None
    }
}

/// A name and nothing else where a type could stand.
fn plain_name(written: &TypeRef) -> bool {
    written.arguments.is_empty() && !written.optional
}

fn textual_default(ty: &Type) -> bool {
    matches!(ty, Type::Url | Type::Version | Type::Sha256)
}

/// The type of a value that is written out.
fn fixed(value: &Expr) -> Option<Type> {
    Some(match value {
        Expr::Bool(_) => Type::Bool,
        Expr::Int(_) => Type::Int,
        Expr::Bytes(_) => Type::Bytes,
        Expr::Duration(_) => Type::Duration,
        Expr::Text(parts) if !parts.iter().any(|p| matches!(p, TextPart::Expr(_))) => Type::Text,
        _ => return None,
    })
}

fn example(ty: &Type) -> String {
    match ty {
        Type::Enum(words) => format!("write one of {}", words.join(", ")),
        Type::Bytes => "a size has a unit: `64MiB`".to_owned(),
        Type::Duration => "a time has a unit: `30s`".to_owned(),
        Type::Url => "a url begins with `https://` or `http://`".to_owned(),
        Type::Version => "write it as `\"3.5.16\"`".to_owned(),
        Type::Sha256 => "write 64 hexadecimal digits in quotation marks".to_owned(),
        Type::List(of) => format!("write a list of {of}: `[...]`"),
        Type::Int => "write a whole number".to_owned(),
        Type::Bool => "write `true` or `false`".to_owned(),
        _ => "write a text in quotation marks, without braces".to_owned(),
    }
}

pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.trim_start_matches('v').split('.').collect();
    parts.len() >= 2
        && parts
            .iter()
            .all(|p| !p.is_empty() && p.len() < 10 && p.bytes().all(|b| b.is_ascii_digit()))
}
