//! How the hosts of a run are reached when it is taken up again: as its journal tells, as long as that means what it meant then.

use std::collections::BTreeMap;
use std::path::Path;

use runbook_inventory::Inventory;
use runbook_model::host::{Connection, HostName, MemberSpec};
use runbook_model::plan::Plan;
use runbook_model::saved::{Login, Reached};
use runbook_plan::{Drift, of_connection, of_reached};
use runbook_run::RunState;

use super::plan_file::grouped;
use crate::args::{ConnectionArgs, InventoryArgs, RunArgs, RunbookArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories::{self, from_root, quoted};

/// What the journal keeps of how hosts are reached. No password is in it: those are asked for, or read from the inventory, again.
pub(super) fn recorded(
    what: &RunbookArgs,
    group: &str,
    connections: &BTreeMap<HostName, Connection>,
) -> Reached {
    let inventory = what.inventory.inventory.iter();
    let hosts = connections.iter();
    Reached {
        inventory: inventory.map(|name| from_root(name)).collect(),
        group: group.to_owned(),
        login: login(&what.connection),
        hosts: hosts
            .map(|(host, connection)| (host.clone(), of_connection(connection)))
            .collect(),
    }
}

/// What a command line says of connections, from any directory.
pub(super) fn login(args: &ConnectionArgs) -> Login {
    let key = args.private_key.as_deref();
    Login {
        user: args.user.clone(),
        private_key: key.map(inventories::key_from_root),
        r#become: args.r#become,
        ask_become_pass: args.ask_become_pass,
    }
}

/// What the command line does not say comes from the record.
pub(super) fn fill_in(connection: &mut ConnectionArgs, login: &Login) {
    connection.user = connection.user.take().or_else(|| login.user.clone());
    let key = connection.private_key.take();
    connection.private_key = key.or_else(|| login.private_key.clone());
    connection.r#become |= login.r#become;
}

/// A run's inventory as it is now, and how to connect.
pub(super) struct Way {
    pub(super) inventory: Inventory,
    pub(super) args: ConnectionArgs,
    pub(super) connections: BTreeMap<HostName, Connection>,
}

/// Finds the way to a run's hosts again. An inventory that is named wins over the journal's, and may mean something else.
pub(super) fn way(
    run: (&str, &Plan, &RunState),
    args: &RunArgs,
    environment: &Environment,
) -> Result<Way, Failure> {
    let (id, plan, state) = run;
    let mut connection = args.connection.clone();
    let recorded = state.reached.as_deref();
    let inventory = InventoryArgs {
        inventory: match recorded {
            _ if !args.inventory.is_empty() => args.inventory.clone(),
            Some(reached) => still_there(id, &reached.inventory)?,
            None => return Err(not_recorded(id)),
        },
        limit: None,
    };
    if let Some(reached) = recorded {
        fill_in(&mut connection, &reached.login);
        if reached.login.ask_become_pass && !connection.ask_become_pass {
            password_again(environment)?;
            connection.ask_become_pass = true;
        }
    }
    let found = inventories::read(&inventory)?;
    let hosts = plan.members.keys().chain(plan.targets.values().flatten());
    let connections = inventories::connections(&found, hosts, &connection)?;
    if let Some(reached) = recorded {
        let members = members(&found, plan, reached, &connection)?;
        let changed = of_reached((reached, plan), &connections, &members);
        compare(id, &changed, (args, &inventory), environment)?;
    }
    Ok(Way {
        inventory: found,
        args: connection,
        connections,
    })
}

/// The run's members as the inventory has them now.
fn members(
    inventory: &Inventory,
    plan: &Plan,
    reached: &Reached,
    args: &ConnectionArgs,
) -> Result<BTreeMap<HostName, MemberSpec>, Failure> {
    let overrides = inventories::overrides(args);
    let mut members = BTreeMap::new();
    for host in plan.members.keys() {
        let spec = inventory
            .member_spec(host, &reached.group, &overrides)
            .map_err(|errors| Failure::all(exit::BAD_INPUT, errors.into_problems()))?;
        members.insert(host.clone(), spec);
    }
    Ok(members)
}

/// The recorded sources, all of them there; a list of hosts is no path.
fn still_there(run: &str, sources: &[String]) -> Result<Vec<String>, Failure> {
    for source in sources.iter().filter(|source| source.starts_with('/')) {
        if let Err(error) = Path::new(source).metadata() {
            return Err(Failure::input(
                format!(
                    "the inventory `{source}`, with which run `{run}` was started, cannot be read: {error}"
                ),
                "name it where it is now, or another one of the same hosts, with `-i INV`"
                    .to_owned(),
            ));
        }
    }
    Ok(sources.to_vec())
}

fn not_recorded(run: &str) -> Failure {
    Failure::say(
        exit::USAGE,
        format!("the journal of run `{run}` does not tell its inventory"),
        "an older version began it: name the inventory with `-i INV`".to_owned(),
    )
}

/// A run that was started with -K needs the password again.
fn password_again(environment: &Environment) -> Result<(), Failure> {
    if environment.can_ask {
        return Ok(());
    }
    Err(Failure::say(
        exit::USAGE,
        "the run was started with -K, and there is no terminal to ask for sudo's password on",
        "go on from a terminal: no journal keeps a password".to_owned(),
    ))
}

/// The same inventory that means something else now is refused; one that the operator names is told of.
fn compare(
    run: &str,
    changed: &[Drift],
    (args, inventory): (&RunArgs, &InventoryArgs),
    environment: &Environment,
) -> Result<(), Failure> {
    if changed.is_empty() {
        return Ok(());
    }
    let style = environment.stderr;
    eprintln!(
        "{} since run {run} was planned; it goes on as it was planned:",
        style.warn("The inventory changed")
    );
    eprint!("{}", grouped(changed, style));
    if !args.inventory.is_empty() {
        return Ok(());
    }
    let named = inventory.inventory.iter();
    let named: String = named.map(|name| format!(" -i {}", quoted(name))).collect();
    Err(Failure::say(
        exit::STALE,
        "the run's inventory does not mean what it meant when the run began; nothing was changed",
        format!(
            "where the run is to reach its hosts as the inventory says now, name it: the same command with{named}"
        ),
    ))
}
