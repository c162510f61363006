//! Templates: minijinja, strict, without escaping, and never twice over a value.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use runbook_dsl::checked::CheckedRunbook;
use serde_json::{Map, Value as Json};

use crate::envfile;
use crate::error::{Fault, Outcome};

/// Steps that a template may take: an endless loop is an error, not a hang.
const FUEL: u64 = 1_000_000;

/// The member's environment file.
pub(crate) const CONFIG: &str = "etcd.conf.j2";

/// As shipped, where the runbook brings no template of that name.
const SHIPPED_CONFIG: &str = include_str!("../../../playbooks/templates/etcd.conf.j2");

/// A template's text, by the name that the runbook uses.
pub(crate) fn find<'a>(runbook: &'a CheckedRunbook, name: &str) -> Outcome<&'a str> {
    let beside = runbook.templates().iter().find(|source| {
        source.name == name
            || source
                .name
                .strip_suffix(name)
                .is_some_and(|rest| rest.ends_with(['/', ':']))
    });
    match beside {
        Some(source) => Ok(&source.text),
        None if name == CONFIG => Ok(SHIPPED_CONFIG),
        None => Err(Fault::NoTemplate {
            name: name.to_owned(),
            detail: "it stands neither beside the runbook nor among the shipped ones".to_owned(),
        }
        .into()),
    }
}

/// Fills a template in. `secrets` are names that it must not use.
pub(crate) fn render(
    name: &str,
    text: &str,
    host: &str,
    context: &Map<String, Json>,
    secrets: &BTreeMap<String, &'static str>,
) -> Outcome<String> {
    let failed = |detail: String| Fault::Template {
        name: name.to_owned(),
        host: host.to_owned(),
        detail,
    };
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(|e| failed(words(&e)))?;
    env.set_syntax(syntax);
    env.set_fuel(Some(FUEL));
    env.add_filter("env", |value: String| envfile::quote(&value));
    let template = env
        .template_from_named_str(name, text)
        .map_err(|e| failed(words(&e)))?;
    if let Some(secret) = template
        .undeclared_variables(false)
        .into_iter()
        .find(|used| secrets.contains_key(used))
    {
        return Err(Fault::SecretShown {
            name: secret,
            into: "a file that the plan shows",
        }
        .into());
    }
    template
        .render(minijinja::Value::from(Serde(context)))
        .map_err(|e| failed(words(&e)).into())
}

/// The kind, minijinja's own words and the line; never values of the context.
fn words(error: &minijinja::Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => "a name in it is undefined".to_owned(),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, context: Json) -> Result<String, Fault> {
        let Json::Object(context) = context else {
            panic!("a map is wanted")
        };
        render("t.j2", text, "h1", &context, &BTreeMap::new()).map_err(|p| *p.fault)
    }

    #[test]
    fn values_are_never_evaluated_again() {
        for hostile in ["{{ 7*7 }}", "$(touch /tmp/x)", "'; rm -rf /", "{% for %}"] {
            assert_eq!(
                filled("a={{ v }}\n", serde_json::json!({"v": hostile})).unwrap(),
                format!("a={hostile}\n")
            );
        }
    }

    #[test]
    fn undefined_names_and_endless_loops_are_errors() {
        let undefined = filled("{{ nobody.x }}", serde_json::json!({})).unwrap_err();
        assert!(undefined.to_string().contains("line 1"), "{undefined}");
        let missing = filled("{{ m.x }}", serde_json::json!({"m": {}})).unwrap_err();
        assert!(missing.to_string().contains("undefined"), "{missing}");
        let text = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert!(filled(text, serde_json::json!({})).is_err());
    }

    #[test]
    fn secrets_are_refused_by_name() {
        let secrets = BTreeMap::from([("password".to_owned(), "secret")]);
        let refused = render("t.j2", "{{ password }}", "h1", &Map::new(), &secrets);
        assert!(matches!(
            refused.map_err(|p| *p.fault),
            Err(Fault::SecretShown { .. })
        ));
    }
}
