//! `cargo run -p runbook-inventory --example list -- [list|graph|hosts|vars HOST] -i FILE...`: an inventory as we read it.

use runbook_inventory::{InventorySpec, Secrets, StdFiles, graph, list_json, load, vars};
use runbook_model::host::HostName;

fn main() -> miette::Result<()> {
    let mut specs = Vec::new();
    let mut words = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-i" => specs.extend(args.next().map(InventorySpec::new)),
            "--format" => drop(args.next()),
            _ => words.push(arg),
        }
    }
    let inventory = load(&specs, &StdFiles::default())?;
    for warning in inventory.warnings() {
        eprintln!("{:?}", miette::Report::new(warning.clone()));
    }
    match words.first().map(String::as_str) {
        Some("graph") => print!("{}", graph(&inventory, "all").unwrap_or_default()),
        Some("hosts") => {
            for host in inventory.pattern(words.get(1).map_or("all", |w| w))? {
                println!("{host}");
            }
        }
        Some("vars") => {
            let host = HostName::new(words.get(1).cloned().unwrap_or_default());
            for line in vars(&inventory, &host, Secrets::Masked) {
                println!("{} = {}    # {}", line.name, line.value, line.origin);
            }
        }
        _ => println!("{:#}", list_json(&inventory, None, Secrets::Masked)),
    }
    Ok(())
}
