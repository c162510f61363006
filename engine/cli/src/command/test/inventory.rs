//! The inventory of a test: the hosts that it counts, with the variables that it gives.

use std::path::{Path, PathBuf};

use runbook_dsl::checked::CheckedRunbook;
use runbook_dsl::expr::Expr;
use runbook_dsl::span::Node;
use runbook_dsl::tested::Given;
use runbook_inventory::{
    Files, Inventory, InventorySpec, Kind, ScriptOutput, Unreadable, VARIABLES, load,
};
use serde_json::{Map, Value as Json, json};

use super::files::plain;
use super::judge::at;
use crate::exit;
use crate::failure::Failure;

/// Name of the only file.
const NAME: &str = "/simulated/test.yml";

/// The inventory.
///
/// # Errors
/// A variable that is none, or whose value is not fit.
pub(super) fn inventory(runbook: &CheckedRunbook, given: &Given) -> Result<Inventory, Failure> {
    unknown(runbook, given)?;
    let text = document(given).to_string();
    load(&[InventorySpec::new(NAME)], &Only(text))
        .map_err(|errors| Failure::all(exit::BAD_INPUT, errors.into_problems()))
}

fn unknown(runbook: &CheckedRunbook, given: &Given) -> Result<(), Failure> {
    for (name, value) in &given.variables {
        if name.starts_with("etcd_") && !VARIABLES.contains(&name.as_str()) {
            let report = at(
                runbook,
                value.span,
                format!("`{name}` is no variable of an inventory"),
                "unknown variable",
            );
            let near = |known: &&&str| strsim::jaro_winkler(name, known);
            let nearest = VARIABLES
                .iter()
                .max_by(|a, b| near(a).total_cmp(&near(b)))
                .map(|near| format!("did you mean `{near}`?"));
            return Err(Failure::new(exit::BAD_INPUT, report.help(nearest)));
        }
    }
    Ok(())
}

/// JSON is YAML.
fn document(given: &Given) -> Json {
    let mut vars = Map::new();
    vars.insert("etcd_cluster".to_owned(), Json::from("simulated"));
    vars.insert("pki_dir".to_owned(), Json::from("/simulated/pki"));
    for (name, value) in &given.variables {
        vars.insert(name.clone(), json(value));
    }
    let hosts = |group: &str, count: usize| {
        let names = (1..=count).map(|n| (format!("{group}{n}"), Json::Null));
        json!({ "hosts": names.collect::<Map<String, Json>>() })
    };
    let mut groups = Map::new();
    groups.insert(
        "etcd".to_owned(),
        hosts("etcd", given.members + given.fresh),
    );
    for (group, count) in &given.groups {
        groups.insert(group.clone(), hosts(group, *count));
    }
    json!({ "all": { "vars": vars, "children": groups } })
}

/// A value that is written out.
pub(super) fn json(node: &Node<Expr>) -> Json {
    match &node.value {
        Expr::Bool(value) => Json::from(*value),
        Expr::Int(value) => Json::from(*value),
        Expr::Bytes(value) => Json::from(format!("{value}B")),
        Expr::Duration(ms) => Json::from(format!("{ms}ms")),
        Expr::Name(word) => Json::from(word.clone()),
        Expr::List(items) => items.iter().map(json).collect(),
        _ => Json::from(plain(node).unwrap_or_default()),
    }
}

/// A file system of one file.
struct Only(String);

impl Files for Only {
    fn kind(&self, path: &Path) -> Option<Kind> {
        (path == Path::new(NAME)).then_some(Kind::File)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable> {
        if path == Path::new(NAME) {
            Ok(self.0.clone().into_bytes())
        } else {
            Err(Unreadable("no such file".to_owned()))
        }
    }

    fn list_dir(&self, _: &Path) -> Result<Vec<String>, Unreadable> {
        Ok(Vec::new())
    }

    fn is_executable(&self, _: &Path) -> bool {
        false
    }

    fn run_script(&self, _: &Path, _: &[&str]) -> Result<ScriptOutput, Unreadable> {
        Err(Unreadable("a test runs no scripts".to_owned()))
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        path.to_path_buf()
    }
}
