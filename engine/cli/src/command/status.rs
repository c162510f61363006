//! `runbook status`.

use std::collections::BTreeMap;

use runbook_model::guard::{MEMBER_TIMEOUT_MS, member_probe};
use runbook_model::view::Needs;
use runbook_report::status::{table, to_json};
use runbook_run::observe;

use super::{Ended, print, print_json};
use crate::args::{Format, StatusArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories::{advise, connections, limited, overrides, read};
use crate::worlds;

/// Shows the state of a cluster: 0 where quorum holds, 3 where it does not, 4 where no host could be asked.
pub fn status(args: &StatusArgs, environment: &Environment) -> Ended {
    let inventory = read(&args.inventory)?;
    let chosen = limited(&inventory, args.inventory.limit.as_deref())?;
    let Some(hosts) = inventory.hosts_of(&args.group) else {
        let groups: Vec<_> = inventory.groups().collect();
        let help = format!(
            "its groups are {}; name one with --group",
            groups.join(", ")
        );
        return Err(Failure::input(
            format!("the inventory has no group `{}`", args.group),
            help,
        ));
    };
    let specs = inventory
        .members_of(&args.group, &overrides(&args.connection))
        .map_err(|errors| Failure::all(exit::BAD_INPUT, errors.into_problems()))?;
    let specs: BTreeMap<_, _> = specs
        .into_iter()
        .map(|s| (s.host.clone(), s))
        .filter(|(h, _)| hosts.contains(h) && chosen.contains(h))
        .collect();
    let hosts: Vec<_> = specs.keys().cloned().collect();
    advise(&inventory, &hosts, environment);
    let mut needs = Needs {
        hosts: specs
            .iter()
            .map(|(host, spec)| (host.clone(), member_probe(spec)))
            .collect(),
        members: specs.clone(),
        ..Needs::default()
    };
    needs.query.timeout_ms = MEMBER_TIMEOUT_MS;
    let connections = connections(&inventory, &hosts, &args.connection)?;
    worlds::run(async {
        let world = worlds::real(
            connections,
            specs.clone(),
            &args.connection,
            &inventory,
            environment,
        )?;
        let view = observe(&world, &needs, &specs, args.connection.forks).await;
        match args.format {
            Format::Json => print_json(&to_json(&view))?,
            Format::Table => print(&table(&view, environment.stdout))?,
        }
        let asked =
            view.cluster.serving().next().is_some() || view.hosts.values().any(Result::is_ok);
        Ok(match (view.cluster.quorum(hosts.len()).holds(), asked) {
            (true, _) => exit::OK,
            (false, true) => exit::REFUSED,
            (false, false) => exit::UNREACHABLE,
        })
    })
}
