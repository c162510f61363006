//! `cargo run --release -p runbook-inventory --example load_time -- FILE...`: how long reading and merging takes.

use std::time::Instant;

use runbook_inventory::{InventorySpec, Overrides, Secrets, StdFiles, list_json, load};

fn main() -> miette::Result<()> {
    let specs: Vec<InventorySpec> = std::env::args().skip(1).map(InventorySpec::new).collect();
    for _ in 0..5 {
        let start = Instant::now();
        let inventory = load(&specs, &StdFiles::default())?;
        let loaded = start.elapsed();
        let connections = inventory
            .hosts()
            .iter()
            .filter(|h| inventory.connection(h, &Overrides::default()).is_ok())
            .count();
        let connected = start.elapsed();
        let bytes = list_json(&inventory, None, Secrets::Masked)
            .to_string()
            .len();
        println!(
            "{} hosts: load {loaded:.1?}, connections of {connections} {:.1?}, list of {bytes} bytes {:.1?}",
            inventory.hosts().len(),
            connected - loaded,
            start.elapsed() - connected
        );
    }
    Ok(())
}
