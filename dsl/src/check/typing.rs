//! Types of expressions.

use super::entry::Checker;
use super::scope::RESERVED;
use crate::catalogue::{Function, Type};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Op, TextPart};
use crate::span::{Node, Span};
use crate::suggest;

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Said once for all hosts.
    Once,
    /// For each host of a step.
    PerHost,
}

/// Fields of `member` that have a text.
const MEMBER_TEXTS: &[&str] = &[
    "name",
    "cluster",
    "address",
    "client_url",
    "peer_url",
    "listen_client_urls",
    "listen_peer_urls",
    "data_dir",
    "pki_dir",
    "config",
    "unit",
    "user",
    "scheme",
    "peer_scheme",
    "binary",
];

/// Fields of a name of the language, with those that templates alone can use.
pub(super) fn fields(name: &str) -> &'static [&'static str] {
    match name {
        "run" => &["id"],
        "host" => &["name", "address"],
        "member" => &[
            "name",
            "cluster",
            "address",
            "client_url",
            "peer_url",
            "listen_client_urls",
            "listen_peer_urls",
            "data_dir",
            "pki_dir",
            "config",
            "unit",
            "user",
            "scheme",
            "peer_scheme",
            "peer_tls",
            "binary",
            "quota_bytes",
            "extra",
        ],
        _ => &[],
    }
}

const SNAPSHOT_FIELDS: &[&str] = &["size", "revision", "sha256", "hash", "total-keys"];

impl Checker<'_> {
    /// The type of an expression; none where something is wrong with it, which has then been said.
    pub(super) fn type_of(&mut self, expr: &Node<Expr>, place: Place) -> Option<Type> {
        match &expr.value {
            Expr::Bool(_) => Some(Type::Bool),
            Expr::Int(_) => Some(Type::Int),
            Expr::Bytes(_) => Some(Type::Bytes),
            Expr::Duration(_) => Some(Type::Duration),
            Expr::Text(parts) => {
                self.parts(parts, place);
                Some(Type::Text)
            }
            Expr::List(items) => self.list(items, place),
            Expr::Name(name) => self.name(name, expr.span, place),
            Expr::Field(of, field) => self.field(of, field, place),
            Expr::Call(name, arguments) => self.function(name, arguments, expr.span, place),
            Expr::Binary(op, left, right) => self.binary(*op, left, right, place),
            Expr::Not(inner) => {
                let ty = self.type_of(inner, place)?;
                if ty == Type::Bool {
                    return Some(Type::Bool);
                }
                self.wrong(inner.span, "bool", &ty);
                None
            }
        }
    }

    /// Checks the expressions in a text: each must have a text of its own.
    pub(super) fn parts(&mut self, parts: &[TextPart], place: Place) {
        for part in parts {
            let TextPart::Expr(expr) = part else { continue };
            let Some(ty) = self.type_of(expr, place) else {
                continue;
            };
            match &ty {
                Type::Secret => self.secret(expr.span, "a text"),
                Type::Optional(inner) if **inner == Type::Secret => {
                    self.secret(expr.span, "a text")
                }
                Type::Optional(_) => self.maybe_unset(expr),
                Type::Target | Type::Snapshot | Type::List(_) => {
                    let help = match ty {
                        Type::Snapshot => "name one of its fields, as `{snap.revision}`",
                        Type::Target => "say in words which hosts; the plan lists them",
                        _ => "name one value",
                    };
                    self.problem(
                        Diagnostic::new(
                            Code::WrongType,
                            format!("{} cannot stand in a text", described(&ty)),
                            expr.span,
                        )
                        .label(described(&ty))
                        .help(help),
                    );
                }
                _ => {}
            }
        }
    }

    fn list(&mut self, items: &[Node<Expr>], place: Place) -> Option<Type> {
        let mut of: Option<Type> = None;
        for item in items {
            let ty = self.type_of(item, place)?;
            match &of {
                Some(first) if *first != ty => {
                    self.wrong(item.span, &first.to_string(), &ty);
                    return None;
                }
                _ => of = Some(ty),
            }
        }
        Some(Type::List(Box::new(of.unwrap_or(Type::Text))))
    }

    fn name(&mut self, name: &str, span: Span, place: Place) -> Option<Type> {
        if let Some(symbol) = self.scope.get(name) {
            return symbol.ty.clone();
        }
        match name {
            "cluster" => return Some(Type::Text),
            "run" | "host" | "member" => {
                let field = fields(name).first().copied().unwrap_or_default();
                self.problem(
                    Diagnostic::new(
                        Code::UnknownField,
                        format!("`{name}` is not a value by itself"),
                        span,
                    )
                    .label("a field is missing")
                    .help(format!("name one of its fields, as `{name}.{field}`")),
                );
                return None;
            }
            _ => {}
        }
        let _ = place;
        let mut found = Diagnostic::new(
            Code::UndefinedName,
            format!("`{name}` is not defined"),
            span,
        )
        .label("no such name");
        if let Some(later) = self.scope.declared_later(name) {
            found = found
                .label("used before it is declared")
                .and(later, "declared here")
                .help("declare it above the place where it is used");
        } else if matches!(name, "initial_cluster" | "token" | "state") {
            found = found.help(format!(
                "`{name}` has a value in the member's environment file only"
            ));
        } else {
            let reserved = if self.scope.in_procedure {
                &[]
            } else {
                &RESERVED[..4]
            };
            let known: Vec<&str> = self.scope.names().chain(reserved.iter().copied()).collect();
            let near = suggest::did_you_mean(name, known);
            let what = if self.scope.in_procedure {
                "a procedure knows its parameters and the language's names: make it a parameter"
            } else {
                "names are parameters, targets and lets; a text stands in quotation marks"
            };
            found = found.help(near.unwrap_or_else(|| what.to_owned()));
        }
        self.problem(found);
        None
    }

    fn field(&mut self, of: &Node<Expr>, field: &Node<String>, place: Place) -> Option<Type> {
        if let Expr::Name(name) = &of.value
            && self.scope.peek(name).is_none()
            && !fields(name).is_empty()
        {
            return self.language_field(name, of.span, field, place);
        }
        let ty = self.type_of(of, place)?;
        let known: &[&str] = if ty == Type::Snapshot {
            SNAPSHOT_FIELDS
        } else {
            &[]
        };
        let found = match (&ty, field.value.as_str()) {
            (Type::Snapshot, "size") => Some(Type::Bytes),
            (Type::Snapshot, "revision" | "hash" | "total-keys") => Some(Type::Int),
            (Type::Snapshot, "sha256") => Some(Type::Sha256),
            _ => None,
        };
        if found.is_none() && of.value == Expr::Name("member".to_owned()) {
            self.hidden_field(field);
        } else if found.is_none() {
            self.unknown_field(&described(&ty), field, known);
        }
        found
    }

    fn language_field(
        &mut self,
        name: &str,
        span: Span,
        field: &Node<String>,
        place: Place,
    ) -> Option<Type> {
        if name != "run" && place == Place::Once {
            self.problem(
                Diagnostic::new(
                    Code::HostNameOutsideStep,
                    format!("`{name}.{}` has no single value here", field.value),
                    crate::parse::join(span, field.span),
                )
                .label("differs from host to host")
                .help("use it in the arguments of a step's verbs, or in a template"),
            );
            return None;
        }
        match (name, field.value.as_str()) {
            ("run", "id") | ("host", "name" | "address") => Some(Type::Text),
            ("member", "quota_bytes") => Some(Type::Optional(Box::new(Type::Bytes))),
            ("member", "extra") => Some(Type::List(Box::new(Type::Text))),
            ("member", text) if MEMBER_TEXTS.contains(&text) => Some(Type::Text),
            _ => {
                self.unknown_field(&format!("`{name}`"), field, fields(name));
                None
            }
        }
    }

    /// A field of the host's member, where `member` is the runbook's own parameter.
    fn hidden_field(&mut self, field: &Node<String>) {
        self.problem(
            Diagnostic::new(
                Code::UnknownField,
                format!("`member` is a parameter here, and has no field `{}`", field.value),
                field.span,
            )
            .label("no such field")
            .help("put the step into a procedure: there `member` is the host's member; or call the parameter otherwise"),
        );
    }

    fn unknown_field(&mut self, of: &str, field: &Node<String>, known: &[&str]) {
        let help = suggest::did_you_mean(&field.value, known.iter().copied()).or_else(|| {
            (!known.is_empty()).then(|| format!("its fields are {}", known.join(", ")))
        });
        self.problem(
            Diagnostic::new(
                Code::UnknownField,
                format!("{of} has no field `{}`", field.value),
                field.span,
            )
            .label("no such field")
            .maybe_help(help),
        );
    }

    fn function(
        &mut self,
        name: &Node<String>,
        arguments: &[Node<Expr>],
        span: Span,
        place: Place,
    ) -> Option<Type> {
        let Some(function) = Function::parse(&name.value) else {
            let help = if crate::catalogue::GuardName::parse(&name.value).is_some() {
                Some(format!(
                    "`{}` is a guard: it stands after `require`, `warn`, `ensure` or `when`",
                    name.value
                ))
            } else {
                suggest::did_you_mean(
                    &name.value,
                    crate::catalogue::FUNCTIONS.iter().map(|f| f.name),
                )
            };
            self.problem(
                Diagnostic::new(
                    Code::UnknownFunction,
                    format!("no function is called `{}`", name.value),
                    name.span,
                )
                .label("unknown")
                .maybe_help(help),
            );
            return None;
        };
        let row = function.row();
        self.by_position(row.name, row.arguments, arguments, (name.span, span), place);
        Some(row.result.clone())
    }

    fn binary(
        &mut self,
        op: Op,
        left: &Node<Expr>,
        right: &Node<Expr>,
        place: Place,
    ) -> Option<Type> {
        // Both sides are looked at, so that both can be wrong.
        let l = self.type_of(left, place);
        let r = self.type_of(right, place);
        let (l, r) = (l?, r?);
        if let (Op::Or, Type::Optional(inner)) = (op, &l) {
            return self.otherwise((inner.as_ref(), left), (&r, right));
        }
        for (ty, side) in [(&l, left), (&r, right)] {
            if matches!(ty, Type::Optional(_)) {
                self.maybe_unset(side);
                return None;
            }
            if *ty == Type::Secret {
                self.secret(side.span, "an expression");
                return None;
            }
        }
        let result = result(op, &l, &r);
        if result.is_none() {
            let span = crate::parse::join(left.span, right.span);
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    format!(
                        "`{}` does not fit {} and {}",
                        spelled(op),
                        described(&l),
                        described(&r)
                    ),
                    span,
                )
                .label(format!("{} {} {}", l, spelled(op), r))
                .maybe_help(operator_help(op, &l, &r)),
            );
        }
        result
    }

    /// `with or member`: the value of an optional parameter, and another where it has none.
    fn otherwise(
        &mut self,
        (given, left): (&Type, &Node<Expr>),
        (other, right): (&Type, &Node<Expr>),
    ) -> Option<Type> {
        let (other, may_be_unset) = match other {
            Type::Optional(inner) => (inner.as_ref(), true),
            other => (other, false),
        };
        for (ty, side) in [(given, left), (other, right)] {
            if *ty == Type::Secret {
                self.secret(side.span, "an expression");
                return None;
            }
        }
        let ty = if given == other {
            given.clone()
        } else if hosts(given) && hosts(other) {
            Type::Target
        } else if textual(given) && textual(other) {
            Type::Text
        } else {
            self.wrong(right.span, &given.to_string(), other);
            return None;
        };
        Some(if may_be_unset {
            Type::Optional(Box::new(ty))
        } else {
            ty
        })
    }

    pub(super) fn wrong(&mut self, span: Span, wanted: &str, found: &Type) {
        let help = match (wanted, found) {
            ("bytes", Type::Int) => Some("a size has a unit: `64MiB`"),
            ("duration", Type::Int) => Some("a time has a unit: `30s`"),
            _ => None,
        };
        self.problem(
            Diagnostic::new(
                Code::WrongType,
                format!("expected {wanted}, found {}", described(found)),
                span,
            )
            .label(format!("this is {}", described(found)))
            .maybe_help(help.map(str::to_owned)),
        );
    }

    pub(super) fn maybe_unset(&mut self, expr: &Node<Expr>) {
        self.problem(
            Diagnostic::new(Code::MaybeUnset, "this may have no value", expr.span)
                .label("its type ends in `?`")
                .help("say what counts where it has none, as `with or member`; give the parameter a default; or drop the `?` from its type"),
        );
    }

    pub(super) fn secret(&mut self, span: Span, place: &str) {
        self.problem(
            Diagnostic::new(
                Code::SecretExposed,
                format!("a secret would be shown in {place}"),
                span,
            )
            .label("secret")
            .help("write it with a template into a file of `mode 0600`"),
        );
    }
}

fn result(op: Op, l: &Type, r: &Type) -> Option<Type> {
    let quantity = |t: &Type| matches!(t, Type::Int | Type::Bytes | Type::Duration);
    match op {
        Op::Add | Op::Sub if l == r && quantity(l) => Some(l.clone()),
        Op::Mul if *r == Type::Int && quantity(l) => Some(l.clone()),
        Op::Mul if *l == Type::Int && quantity(r) => Some(r.clone()),
        Op::Div if *r == Type::Int && quantity(l) => Some(l.clone()),
        Op::Eq | Op::Ne if l == r && !matches!(l, Type::Target | Type::Snapshot) => {
            Some(Type::Bool)
        }
        Op::Eq | Op::Ne if textual(l) && textual(r) => Some(Type::Bool),
        Op::Lt | Op::Le | Op::Gt | Op::Ge if l == r && (quantity(l) || *l == Type::Version) => {
            Some(Type::Bool)
        }
        Op::And | Op::Or if *l == Type::Bool && *r == Type::Bool => Some(Type::Bool),
        Op::Union | Op::Except if hosts(l) && hosts(r) => Some(Type::Target),
        _ => None,
    }
}

fn operator_help(op: Op, l: &Type, r: &Type) -> Option<String> {
    let help = match op {
        Op::Add if textual(l) || textual(r) => "join texts in braces: `\"{a}{b}\"`",
        Op::Add | Op::Sub if hosts(l) && hosts(r) => {
            "sets of hosts are joined by `union` and `except`"
        }
        Op::Add | Op::Sub if *l == Type::Bytes || *r == Type::Bytes => {
            "both sides are sizes: `snap.size + 64MiB`"
        }
        Op::Add | Op::Sub if *l == Type::Duration || *r == Type::Duration => {
            "both sides are times: `1m + 30s`"
        }
        Op::Mul | Op::Div => "one side is a plain number: `3 * snap.size`",
        _ => return None,
    };
    Some(help.to_owned())
}

/// Types whose values are texts.
pub(super) fn textual(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Text
            | Type::Path
            | Type::Url
            | Type::Host
            | Type::HostOf(_)
            | Type::Version
            | Type::Sha256
            | Type::Enum(_)
    )
}

/// Types whose values are hosts.
pub(super) fn hosts(ty: &Type) -> bool {
    match ty {
        Type::Target | Type::Host | Type::HostOf(_) => true,
        Type::List(of) => matches!(**of, Type::Host | Type::HostOf(_)),
        _ => false,
    }
}

/// With an article: `a size`, `the type int?`.
pub(super) fn described(ty: &Type) -> String {
    match ty {
        Type::Bool => "a bool".to_owned(),
        Type::Int => "an int".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Duration => "a duration".to_owned(),
        Type::Text => "a string".to_owned(),
        Type::Target => "a target".to_owned(),
        Type::Snapshot => "a snapshot".to_owned(),
        Type::Url => "a url".to_owned(),
        Type::Enum(_) => format!("an {ty}"),
        _ => format!("a {ty}"),
    }
}

/// As written.
pub(crate) const fn spelled(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::And => "and",
        Op::Or => "or",
        Op::Union => "union",
        Op::Except => "except",
    }
}
