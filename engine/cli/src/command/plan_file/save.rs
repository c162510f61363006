//! `runbook plan -o FILE`.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_model::saved::{Asked, SavedPlan};
use runbook_plan::{Files as _, LocalFiles, duration, facts, given, write_plan_file};
use runbook_report::review::Footer;

use super::claims;
use super::told::moment;
use crate::args::RunbookArgs;
use crate::command::exec::{Inputs, Planned};
use crate::command::reached::login;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories::{from_root, key_from_root, quoted};
use crate::library::{EMBEDDED, find};

/// Milliseconds of `--valid-for`.
pub(in crate::command) fn valid_ms(text: &str) -> Result<u64, Failure> {
    duration(text).filter(|ms| *ms >= 1000).ok_or_else(|| {
        Failure::say(
            exit::USAGE,
            format!("`--valid-for {text}` is no time to be valid for"),
            "give a duration as `8h`, `30m` or `2d`".to_owned(),
        )
    })
}

/// The same request from any directory: every path from the root.
pub(in crate::command) fn pinned(
    args: &RunbookArgs,
    environment: &Environment,
) -> Result<RunbookArgs, Failure> {
    let files = LocalFiles::default();
    let mut args = args.clone();
    let found = find(&args.runbook, &environment.runbook_path)?;
    args.runbook = if found.name.starts_with(EMBEDDED) {
        found.name
    } else {
        files.absolute(&found.name)
    };
    for inventory in &mut args.inventory.inventory {
        *inventory = from_root(inventory);
    }
    let key = args.connection.private_key;
    args.connection.private_key = key.map(|key| key_from_root(&key));
    Ok(args)
}

/// A plan that was kept.
pub(in crate::command) struct Saved {
    file: PathBuf,
    digest: String,
    expires_s: i64,
    /// The command that carries it out.
    command: String,
}

impl Saved {
    /// What stands under its page.
    pub(in crate::command) fn footer(&self) -> Footer {
        Footer {
            command: self.command.clone(),
            digest: Some(self.digest.clone()),
        }
    }

    /// Says where it is and how it is run.
    pub(in crate::command) fn tell(&self, environment: &Environment) {
        eprintln!(
            "\n{} {}, valid until {}\n  digest  {}\n  run it  {}",
            environment.stderr.good("Saved"),
            self.file.display(),
            moment(self.expires_s),
            self.digest,
            self.command,
        );
    }
}

/// Keeps a plan.
pub(in crate::command) fn save(
    (file, valid_ms): (&Path, u64),
    args: &RunbookArgs,
    inputs: &Inputs,
    planned: &Planned,
    environment: &Environment,
) -> Result<Saved, Failure> {
    let made_s = Timestamp::now().as_second();
    let valid_s = i64::try_from(valid_ms / 1000).unwrap_or(i64::MAX);
    let kept = given(&inputs.checked, &inputs.arguments, &*inputs.files);
    let saved = SavedPlan {
        made_s,
        expires_s: made_s.saturating_add(valid_s),
        operator: environment.operator.clone(),
        asked: Asked {
            runbook: args.runbook.clone(),
            inventory: args.inventory.inventory.clone(),
            limit: args.inventory.limit.clone(),
            arguments: kept.arguments,
            secrets: kept.secrets,
            overrides: inputs.overrides.clone(),
            login: login(&args.connection),
        },
        facts: facts(&planned.view, &planned.plan, &planned.reach.connections),
        plan: planned.plan.clone(),
    };
    let (text, digest) =
        write_plan_file(&saved).map_err(|e| Failure::say(exit::INTERNAL, e, None))?;
    write(file, &text).map_err(|error| {
        Failure::input(format!("cannot write `{}`: {error}", file.display()), None)
    })?;
    let name = file.display().to_string();
    let command = carries_out(
        (&name, &digest),
        &saved.asked.secrets,
        args.connection.ask_become_pass,
    );
    Ok(Saved {
        file: file.to_owned(),
        digest,
        expires_s: saved.expires_s,
        command,
    })
}

/// The command that carries out the plan in a file.
pub(in crate::command) fn carries_out(
    (file, digest): (&str, &str),
    secrets: &[String],
    ask_become_pass: bool,
) -> String {
    let mut command = format!("runbook exec {} --digest {digest}", quoted(file));
    for name in secrets {
        command += &format!(" -e {name}=SECRET");
    }
    if ask_become_pass {
        command += " -K";
    }
    command
}

/// Whole or not at all, and readable by its owner alone: a plan tells much of the hosts.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let name = file.file_name().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "a directory is no name for a file",
        )
    })?;
    // A runbook's name behind -o, or a device's, is a slip of the hand.
    if file.symlink_metadata().is_ok() && !(file.is_file() && claims(file)) {
        let why = "something else than a plan file stands there";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    };
    let part = dir.join(format!(".{}.part", name.to_string_lossy()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut beside| {
            // One that a crash left may have had other rights.
            beside.set_permissions(Permissions::from_mode(0o600))?;
            beside.write_all(text.as_bytes())?;
            beside.sync_all()
        })
        .and_then(|()| std::fs::rename(&part, file))
        .and_then(|()| File::open(&dir)?.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}
