//! What a simulated run is asked for: as a real one, but that files which are not there are simulated.

use std::collections::BTreeMap;

use runbook_dsl::catalogue::Type;
use runbook_dsl::checked::CheckedRunbook;
use runbook_inventory::{Inventory, Overrides};
use runbook_plan::{Fault, Prepared, Request, prepare};
use serde_json::Value as Json;

use super::control::{self, Control, Files};
use crate::args::RunbookArgs;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories;
use crate::runbooks::{parameters, read};

/// Id of simulated runs: the same each time.
const RUN: &str = "simulated";

/// Everything that a run is asked for, read and checked.
pub(super) struct Inputs {
    checked: CheckedRunbook,
    inventory: Inventory,
    arguments: BTreeMap<String, Json>,
    overrides: BTreeMap<String, String>,
    connection: Overrides,
    files: Files,
}

impl Inputs {
    pub(super) fn read(args: &RunbookArgs, environment: &Environment) -> Result<Self, Failure> {
        let reason = args.reason.clone().unwrap_or_default();
        let mut inputs = Self {
            checked: read(&args.runbook, environment)?,
            inventory: inventories::read(&args.inventory)?,
            arguments: parameters(&args.extra)?,
            overrides: args
                .overrides
                .iter()
                .map(|name| (name.clone(), reason.clone()))
                .collect(),
            connection: inventories::overrides(&args.connection),
            files: Files::default(),
        };
        inputs.fill(args);
        Ok(inputs)
    }

    /// Gives paths that nobody gave a name of their own.
    fn fill(&mut self, args: &RunbookArgs) {
        let Err(errors) = prepare(&self.request(args)) else {
            return;
        };
        let missing: Vec<_> = errors
            .iter()
            .filter_map(|error| match error.fault() {
                Fault::MissingParameter { name, .. } => Some(name.clone()),
                _ => None,
            })
            .collect();
        let paths = self.checked.parameters().iter();
        let paths = paths.filter(|p| p.ty == Type::Path && missing.contains(&p.name.value));
        for name in paths.map(|p| p.name.value.clone()) {
            let path = control::path_of(&name);
            self.files.not_given(&name, &path);
            self.arguments.insert(name, Json::String(path));
        }
    }

    pub(super) fn prepare<'a>(&'a self, args: &'a RunbookArgs) -> Result<Prepared<'a>, Failure> {
        prepare(&self.request(args)).map_err(|errors| Failure::all(exit::BAD_INPUT, errors))
    }

    fn request<'a>(&'a self, args: &'a RunbookArgs) -> Request<'a> {
        Request {
            checked: &self.checked,
            inventory: &self.inventory,
            connection: &self.connection,
            arguments: &self.arguments,
            limit: args.inventory.limit.as_deref(),
            overrides: &self.overrides,
            run: RUN,
            tool: env!("CARGO_PKG_VERSION"),
            files: &self.files,
            now: jiff::Timestamp::now().as_second(),
        }
    }

    /// The simulated control host's files, and the paths on it where a simulated snapshot stands.
    pub(super) fn control(
        &self,
        prepared: &Prepared<'_>,
        environment: &Environment,
    ) -> Result<Control, Failure> {
        control::files(prepared, &self.files, environment)
    }

    /// What simulated files stand for, for the reader.
    pub(super) fn stand_ins(&self) -> Vec<String> {
        self.files.stand_ins()
    }
}
