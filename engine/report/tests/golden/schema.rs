//! The published schema of `plan --format json` is made from the types, and real plans keep to it.

use runbook_model::plan::Plan;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::support::{case, plan};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plan.schema.json");

/// The schema of a plan as it is written.
fn schema() -> Value {
    let made = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Plan>();
    serde_json::to_value(made).unwrap()
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let made = format!("{:#}\n", schema());
    if std::env::var_os("WRITE_SCHEMA").is_some() {
        std::fs::write(PATH, &made).unwrap();
    }
    let published = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        made == published,
        "docs/plan.schema.json is not that of the types; `WRITE_SCHEMA=1 cargo nextest run -p runbook-report schema` writes it"
    );
}

#[test]
fn real_plans_keep_to_it() {
    let root: Value = serde_json::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap();
    for plan in [
        plan("deploy"),
        plan("restore"),
        case("deploy-bare"),
        case("restore-dead"),
        case("restore-live"),
        case("restore-lost-host"),
        case("shell"),
    ] {
        let text = runbook_report::plan::json(&plan).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(fault(&root, &root, &value, "plan"), None);
    }
}

#[test]
fn what_is_no_plan_does_not_keep_to_it() {
    let root = schema();
    let good = serde_json::to_value(plan("restore")).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut plan = good.clone();
        *plan.pointer_mut(pointer).unwrap() = value;
        fault(&root, &root, &plan, "plan").unwrap()
    };
    assert!(with("/run", json!(7)).starts_with("plan.run"));
    assert!(with("/items/0/item", json!("stage")).starts_with("plan.items[0]"));
    assert!(with("/quorum_before/voters", json!(-1)).starts_with("plan.quorum_before.voters"));
    assert!(
        with("/requires/0/verdict", json!({"verdict": "holds"}))
            .starts_with("plan.requires[0].verdict")
    );
    assert!(fault(&root, &root, &json!({}), "plan").is_some());
}

/// The first place where a value does not keep to a schema; the keywords are those that schemars uses for our types.
fn fault(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let Some(schema) = schema.as_object() else {
        return (schema == &Value::Bool(false)).then(|| format!("{at}: nothing is allowed here"));
    };
    if let Some(Value::String(to)) = schema.get("$ref") {
        let target = root.pointer(to.trim_start_matches('#')).unwrap();
        if let Some(found) = fault(root, target, value, at) {
            return Some(found);
        }
    }
    typed(schema, value, at)
        .or_else(|| chosen(root, schema, value, at))
        .or_else(|| inside(root, schema, value, at))
}

fn typed(schema: &Map<String, Value>, value: &Value, at: &str) -> Option<String> {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: type {other}"),
    };
    let fits = match schema.get("type") {
        None => true,
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().any(|n| is(n.as_str().unwrap())),
        Some(other) => panic!("{at}: type {other}"),
    };
    let wanted = schema.get("const").is_none_or(|c| c == value)
        && schema
            .get("enum")
            .is_none_or(|all| all.as_array().unwrap().contains(value));
    let least = schema.get("minimum").and_then(Value::as_f64);
    let low = least
        .zip(value.as_f64())
        .is_some_and(|(least, v)| v < least);
    (!fits || !wanted || low).then(|| format!("{at}: {value} is none of {schema:?}"))
}

fn chosen(root: &Value, schema: &Map<String, Value>, value: &Value, at: &str) -> Option<String> {
    let fitting = |all: &Value| {
        let all = all.as_array().unwrap();
        all.iter()
            .filter(|s| fault(root, s, value, at).is_none())
            .count()
    };
    let fits = schema.get("oneOf").is_none_or(|all| fitting(all) == 1)
        && schema.get("anyOf").is_none_or(|all| fitting(all) > 0)
        && schema
            .get("allOf")
            .is_none_or(|all| fitting(all) == all.as_array().unwrap().len());
    (!fits).then(|| format!("{at}: {value} is not one of the forms"))
}

fn inside(root: &Value, schema: &Map<String, Value>, value: &Value, at: &str) -> Option<String> {
    if let Some(object) = value.as_object() {
        let needed = schema.get("required").and_then(Value::as_array);
        for name in needed.into_iter().flatten() {
            let name = name.as_str().unwrap();
            if !object.contains_key(name) {
                return Some(format!("{at}: no {name}"));
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        for (name, value) in object {
            let of = known
                .and_then(|k| k.get(name))
                .or_else(|| schema.get("additionalProperties"));
            if let Some(found) = of.and_then(|s| fault(root, s, value, &format!("{at}.{name}"))) {
                return Some(found);
            }
        }
    }
    let first = schema.get("prefixItems").and_then(Value::as_array);
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let of = first
            .and_then(|f| f.get(index))
            .or_else(|| schema.get("items"));
        if let Some(found) = of.and_then(|s| fault(root, s, item, &format!("{at}[{index}]"))) {
            return Some(found);
        }
    }
    None
}
