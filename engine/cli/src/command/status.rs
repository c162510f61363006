//! `runbook status`.

use std::collections::BTreeMap;

use runbook_model::guard::{MEMBER_TIMEOUT_MS, member_probe};
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_model::view::Needs;
use runbook_monitor::{certificate_files, exposition};
use runbook_pki::layout::Layout;
use runbook_report::status::{table, to_json};
use runbook_run::observe;

use super::{Ended, print, print_json};
use crate::args::{StatusArgs, StatusFormat};
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
    if args.format == StatusFormat::Prometheus {
        for (host, spec) in &specs {
            let asked = needs.hosts.entry(host.clone()).or_default();
            asked.certificates = certificate_files(spec);
        }
    }
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
            StatusFormat::Json => print_json(&to_json(&view))?,
            StatusFormat::Table => print(&table(&view, environment.stdout))?,
            StatusFormat::Prometheus => {
                print(&exposition(&view, &clients(&specs, environment)))?;
            }
        }
        let asked =
            view.cluster.serving().next().is_some() || view.hosts.values().any(Result::is_ok);
        let holds = view.cluster.quorum(hosts.len()).holds() && !view.cluster.is_split();
        Ok(match (holds, asked) {
            (true, _) => exit::OK,
            (false, true) => exit::REFUSED,
            (false, false) => exit::UNREACHABLE,
        })
    })
}

/// The certificates that members are called with, by cluster, as far as they can be read.
fn clients(
    specs: &BTreeMap<HostName, MemberSpec>,
    environment: &Environment,
) -> BTreeMap<String, String> {
    let secure = specs.values().filter(|spec| spec.scheme == Scheme::Https);
    let of = |spec: &MemberSpec| {
        let own = || Layout::new(&spec.control_pki_dir).client().cert;
        let path = environment.access.cert.clone().unwrap_or_else(own);
        Some((spec.cluster.clone(), std::fs::read_to_string(path).ok()?))
    };
    secure.filter_map(of).collect()
}
