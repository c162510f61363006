//! `runbook man`: pages from the same definitions as the help.

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::{Ended, print};
use crate::args::{Cli, ManArgs};
use crate::exit;
use crate::failure::Failure;

/// Prints one page, or writes all of them.
pub fn man(args: &ManArgs) -> Ended {
    let mut all = Cli::command();
    all.build();
    if let Some(dir) = &args.out {
        std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(all, dir))
            .map_err(|error| {
                Failure::input(
                    format!("cannot write into `{}`: {error}", dir.display()),
                    None,
                )
            })?;
        return Ok(exit::OK);
    }
    let mut command = &all;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            Failure::say(
                exit::USAGE,
                format!("there is no command `{}`", args.command.join(" ")),
                "`runbook --help` lists them".to_owned(),
            )
        })?;
    }
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(exit::OK)
}
