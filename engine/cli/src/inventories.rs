//! Inventories as commands take them.

use std::collections::BTreeMap;
use std::path::Path;

use runbook_inventory::{Inventory, InventorySpec, Overrides, StdFiles, load};
use runbook_model::host::{Connection, HostName};
pub use runbook_model::shell::word as quoted;
use runbook_plan::{Files as _, LocalFiles};

use crate::args::{ConnectionArgs, InventoryArgs};
use crate::command::warn;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;

/// Reads the inventories that were given.
pub fn read(args: &InventoryArgs) -> Result<Inventory, Failure> {
    if args.inventory.is_empty() {
        return Err(Failure::say(
            exit::USAGE,
            "no inventory given",
            "name one with -i, as in `-i prod.inv`, or set RUNBOOK_INVENTORY".to_owned(),
        ));
    }
    let specs: Vec<_> = args.inventory.iter().map(InventorySpec::new).collect();
    load(&specs, &StdFiles::default())
        .map_err(|errors| Failure::all(exit::BAD_INPUT, errors.into_problems()))
}

/// What a command given next needs to reach the same hosts in the same way: these flags, quoted for a shell.
pub fn again(inventory: &[String], connection: &ConnectionArgs) -> String {
    let mut words: Vec<String> = Vec::new();
    for name in inventory {
        words.extend(["-i".to_owned(), quoted(name)]);
    }
    for (flag, value) in [
        ("-u", &connection.user),
        ("--private-key", &connection.private_key),
    ] {
        if let Some(value) = value {
            words.extend([flag.to_owned(), quoted(value)]);
        }
    }
    words.extend(connection.r#become.then(|| "-b".to_owned()));
    words.extend(connection.ask_become_pass.then(|| "-K".to_owned()));
    words.iter().map(|word| format!(" {word}")).collect()
}

/// The same inventory from any directory. A list of hosts is no path.
pub fn from_root(inventory: &str) -> String {
    if Path::new(inventory).exists() {
        LocalFiles::default().absolute(inventory)
    } else {
        inventory.to_owned()
    }
}

/// The same key from any directory; ssh itself knows whose home `~` is.
pub fn key_from_root(key: &str) -> String {
    if key.starts_with('~') {
        key.to_owned()
    } else {
        LocalFiles::default().absolute(key)
    }
}

/// Shows what is doubtful about the inventory and about these of its hosts, each once.
pub fn advise(inventory: &Inventory, hosts: &[HostName], environment: &Environment) {
    let advice = inventory.advice(hosts);
    warn(
        advice.iter().map(|w| w as &dyn miette::Diagnostic),
        environment,
    );
}

/// The hosts that `--limit` leaves; all without one.
pub fn limited(inventory: &Inventory, limit: Option<&str>) -> Result<Vec<HostName>, Failure> {
    match limit {
        None => Ok(inventory.hosts().to_vec()),
        Some(pattern) => inventory
            .pattern(pattern)
            .map_err(|error| Failure::new(exit::BAD_INPUT, error)),
    }
}

/// What the command line says about connections.
pub fn overrides(args: &ConnectionArgs) -> Overrides {
    Overrides {
        user: args.user.clone(),
        private_key_file: args.private_key.clone(),
        connect_timeout_s: args.timeout,
        r#become: args.r#become,
        become_user: None,
    }
}

/// How to reach each of the hosts.
pub fn connections<'a>(
    inventory: &Inventory,
    hosts: impl IntoIterator<Item = &'a HostName>,
    args: &ConnectionArgs,
) -> Result<BTreeMap<HostName, Connection>, Failure> {
    let overrides = overrides(args);
    let mut connections = BTreeMap::new();
    let mut problems = Vec::new();
    for host in hosts {
        match inventory.connection(host, &overrides) {
            Ok(connection) => drop(connections.insert(host.clone(), connection)),
            Err(errors) => problems.extend(errors.into_problems()),
        }
    }
    if problems.is_empty() {
        Ok(connections)
    } else {
        Err(Failure::all(exit::BAD_INPUT, problems))
    }
}
