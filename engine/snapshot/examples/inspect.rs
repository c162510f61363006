//! Prints what is known of a snapshot as JSON: `cargo run -p runbook-snapshot --example inspect FILE`.

use std::path::Path;

use runbook_snapshot::{Options, inspect, to_json};

fn main() -> std::process::ExitCode {
    let options = Options {
        hash_kv: std::env::var_os("HASH_KV").is_some(),
        ..Options::default()
    };
    for path in std::env::args_os().skip(1) {
        match inspect(Path::new(&path), &options) {
            Ok(report) => println!("{:#}", to_json(&report)),
            Err(error) => {
                eprintln!("{error}\n  help: {}", error.help());
                return std::process::ExitCode::from(10);
            }
        }
    }
    std::process::ExitCode::SUCCESS
}
