//! `runbook inventory list|graph|hosts` and `runbook vars`.

use runbook_inventory::{Secrets, graph, list_json, vars};
use runbook_model::host::HostName;
use runbook_report::text::escape;
use serde_json::json;

use super::{Ended, print, print_json};
use crate::args::{Format, InventoryCommand, InventoryShow, VarsArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories::{advise, limited, read};

/// Shows what an inventory means.
pub fn show(command: &InventoryCommand, environment: &Environment) -> Ended {
    let (InventoryCommand::List(args)
    | InventoryCommand::Graph(args)
    | InventoryCommand::Hosts(args)) = command;
    let inventory = read(&args.inventory)?;
    let chosen = limited(&inventory, args.inventory.limit.as_deref())?;
    advise(&inventory, &chosen, environment);
    let names: Vec<&str> = chosen.iter().map(HostName::as_str).collect();
    match (command, args.format) {
        (InventoryCommand::Hosts(InventoryShow { .. }), Format::Table) => {
            print(
                &names
                    .iter()
                    .map(|name| format!("{}\n", escape(name)))
                    .collect::<String>(),
            )?;
        }
        (InventoryCommand::Hosts(_), Format::Json) => print_json(&json!(names))?,
        (InventoryCommand::Graph(_), Format::Table) => {
            print(&escape(&graph(&inventory, "all").unwrap_or_default()))?
        }
        // A list has one form: the one that other tools read.
        (InventoryCommand::List(_), _) | (InventoryCommand::Graph(_), Format::Json) => {
            let limit = args.inventory.limit.is_some().then_some(chosen.as_slice());
            print_json(&list_json(&inventory, limit, secrets(args.show_secrets)))?;
        }
    }
    Ok(exit::OK)
}

const fn secrets(shown: bool) -> Secrets {
    if shown {
        Secrets::Shown
    } else {
        Secrets::Masked
    }
}

/// Shows a host's variables with their origins.
pub fn variables(args: &VarsArgs, environment: &Environment) -> Ended {
    let inventory = read(&args.inventory)?;
    let host = HostName::new(&args.host);
    if !inventory.has_host(&host) {
        let help = format!(
            "`runbook inventory hosts` lists the {} that it has",
            inventory.hosts().len()
        );
        return Err(Failure::input(
            format!("the inventory has no host `{}`", escape(&args.host)),
            help,
        ));
    }
    let lines = vars(&inventory, &host, secrets(args.show_secrets));
    if lines.is_empty() {
        eprintln!("`{}` has no variables", escape(&args.host));
    }
    for line in lines {
        print(&format!(
            "{} = {}  {}\n",
            line.name,
            line.value,
            environment.stdout.dim(line.origin)
        ))?;
    }
    Ok(exit::OK)
}
