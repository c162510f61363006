//! One case: its folder in, its outcome out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic as _;
use runbook_dsl::checked::{CheckedRunbook, SourceText};
use runbook_dsl::{LoadError, Loader};
use runbook_inventory::{Inventory, InventorySpec, Overrides, StdFiles};
use runbook_model::plan::Plan;
use runbook_model::view::{Needs, View};
use runbook_plan::{Digest, Files, PlanError, Request, as_never_restored, plan, prepare, rehearse};
use serde::Deserialize;
use serde_json::Value as Json;

use super::outline::outline;
use super::view;

pub const RUN: &str = "r1";

/// `case.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Name of a shipped runbook, or a file of the case.
    pub runbook: String,
    /// Inventory of the case; without, three members over TLS.
    pub inventory: Option<String>,
    #[serde(default)]
    pub arguments: BTreeMap<String, Json>,
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
    pub limit: Option<String>,
    /// `bare`, `dead`, `live`.
    pub base: String,
    /// Hosts of the inventory that are no members and have nothing on them.
    #[serde(default)]
    pub newcomers: Vec<String>,
    /// Peer URLs under which members are listed, other than the inventory's.
    #[serde(default)]
    pub moved: BTreeMap<String, String>,
    /// Hosts whose members have a NOSPACE alarm.
    #[serde(default)]
    pub alarmed: Vec<String>,
    /// Hosts that do not answer.
    #[serde(default)]
    pub lost: Vec<String>,
    /// Merged (RFC 7386) into every host's facts.
    pub every_host: Option<Json>,
    /// The host whose work the golden shows; none: all.
    pub show: Option<String>,
    /// Files of this machine: size by absolute path.
    #[serde(default)]
    pub files: BTreeMap<String, u64>,
    /// The plan's rehearsal is what the golden shows.
    #[serde(default)]
    pub rehearse: bool,
    /// Merged into the view.
    pub patch: Option<Json>,
}

/// Files of this machine, in memory.
pub struct Memory(pub BTreeMap<String, Digest>);

impl Files for Memory {
    fn digest(&self, path: &str) -> Result<Digest, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "No such file".to_owned())
    }
    fn exists(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }
    fn absolute(&self, path: &str) -> String {
        Path::new("/home/ops").join(path).display().to_string()
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Templates;

impl Loader for Templates {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        let path = root().join("playbooks/templates").join(name);
        let text = std::fs::read_to_string(path).map_err(|e| LoadError::Unreadable {
            path: name.to_owned(),
            reason: e.to_string(),
        })?;
        Ok(SourceText {
            name: format!("embedded:templates/{name}"),
            text,
        })
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        let text = std::fs::read_to_string(root().join("playbooks").join(path));
        let text = text.map_err(|e| LoadError::Unreadable {
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
        Ok(SourceText {
            name: format!("embedded:{path}"),
            text,
        })
    }
}

/// One text beside the runbook, whatever it is called.
struct One(&'static str);

impl Loader for One {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        Ok(SourceText {
            name: format!("templates/{name}"),
            text: self.0.to_owned(),
        })
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        Ok(SourceText {
            name: path.to_owned(),
            text: self.0.to_owned(),
        })
    }
}

/// A runbook's text and its template's, checked.
pub fn checked_with(text: &str, template: &'static str) -> CheckedRunbook {
    check("own.etcdrb", text.to_owned(), &One(template))
}

/// A runbook's text, checked.
pub fn checked(name: &str, text: String) -> CheckedRunbook {
    check(name, text, &Templates)
}

fn check(name: &str, text: String, loader: &dyn Loader) -> CheckedRunbook {
    let source = SourceText {
        name: name.to_owned(),
        text,
    };
    match runbook_dsl::check(source, loader) {
        Ok((checked, _)) => checked,
        Err(problems) => panic!("{name} does not check: {problems:?}"),
    }
}

pub fn shipped(name: &str) -> CheckedRunbook {
    let path = root().join(format!("playbooks/{name}.etcdrb"));
    checked(
        &format!("{name}.etcdrb"),
        std::fs::read_to_string(path).unwrap(),
    )
}

pub fn inventory(path: &Path) -> Inventory {
    let spec = InventorySpec::new(path.to_str().unwrap());
    runbook_inventory::load(&[spec], &StdFiles::default()).unwrap()
}

/// Plans a request on the view that `observe` makes of its needs.
pub fn run(
    request: &Request<'_>,
    observe: impl FnOnce(&Needs) -> View,
) -> Result<(Plan, View), Vec<PlanError>> {
    let prepared = prepare(request)?;
    let view = observe(prepared.needs());
    let plan = plan(&prepared, &view)?;
    Ok((plan, view))
}

impl Case {
    pub fn read(dir: &Path) -> Self {
        let text = std::fs::read_to_string(dir.join("case.json")).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
    }

    pub fn planned(&self, dir: &Path) -> Result<(Plan, View), Vec<PlanError>> {
        let checked = if self.runbook.ends_with(".etcdrb") {
            let text = std::fs::read_to_string(dir.join(&self.runbook)).unwrap();
            checked(&self.runbook, text)
        } else {
            shipped(&self.runbook)
        };
        let path = match &self.inventory {
            Some(name) => dir.join(name),
            None => dir.join("../three.inv"),
        };
        let inventory = inventory(&path);
        let connection = Overrides::default();
        let digest = |size: &u64| Digest {
            size: *size,
            sha256: "cd".repeat(32),
        };
        let files = self
            .files
            .iter()
            .map(|(p, s)| (p.clone(), digest(s)))
            .collect();
        let request = Request {
            checked: &checked,
            inventory: &inventory,
            connection: &connection,
            arguments: &self.arguments,
            limit: self.limit.as_deref(),
            overrides: &self.overrides,
            run: RUN,
            tool: "0.0.0",
            files: &Memory(files),
            now: view::NOW,
        };
        run(&request, |needs| {
            let view = self.view(needs);
            if self.rehearse {
                as_never_restored(&view)
            } else {
                view
            }
        })
    }

    /// The plan's outline, its rehearsal's where that is wanted, or the errors.
    pub fn outcome(&self, dir: &Path) -> String {
        let planned = self.planned(dir);
        let only = self.show.as_deref();
        match planned {
            Err(found) => errors(&found),
            Ok((plan, view)) if self.rehearse => match rehearse(&plan, &view) {
                Ok(plan) => outline(&plan, only),
                Err(error) => format!("{error}\n"),
            },
            Ok((plan, _)) => outline(&plan, only),
        }
    }

    pub fn view(&self, needs: &Needs) -> View {
        let view = match self.base.as_str() {
            "bare" => view::bare(needs),
            "dead" => view::dead(needs),
            "live" => view::live(needs),
            other => panic!("no base `{other}`"),
        };
        let mut view = view;
        for host in &self.newcomers {
            view::unlist(&mut view, host, needs);
        }
        for host in &self.alarmed {
            view::alarm(&mut view, host);
        }
        for (host, url) in &self.moved {
            view::relist(&mut view, host, url);
        }
        let mut json = serde_json::to_value(view).unwrap();
        if let (Some(patch), Some(hosts)) = (&self.every_host, json["hosts"].as_object_mut()) {
            for host in hosts.values_mut() {
                merge(&mut host["Ok"], patch);
            }
        }
        if let Some(patch) = &self.patch {
            merge(&mut json, patch);
        }
        let mut view: View = serde_json::from_value(json).unwrap();
        for host in &self.lost {
            view::lose(&mut view, host);
        }
        view
    }
}

fn merge(into: &mut Json, patch: &Json) {
    match (into, patch) {
        (Json::Object(into), Json::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Json::Null), value);
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// Errors as a golden shows them: code, text, underlined words, help.
pub fn errors(errors: &[PlanError]) -> String {
    let mut out = String::new();
    for error in errors {
        let code = error.code().map(|c| c.to_string()).unwrap_or_default();
        out.push_str(&format!("{code}\n  {error}\n"));
        if let (Some(source), Some(labels)) = (error.source_code(), error.labels()) {
            for label in labels {
                let read = source.read_span(label.inner(), 0, 0).unwrap();
                let words = String::from_utf8_lossy(read.data()).into_owned();
                out.push_str(&format!("  at line {}: {words}\n", read.line() + 1));
            }
        }
        if let Some(help) = error.help() {
            out.push_str(&format!("  help: {help}\n"));
        }
    }
    out
}
