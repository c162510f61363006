//! `runbook monitor`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use runbook_inventory::{Inventory, Overrides};
use runbook_model::host::MemberSpec;
use runbook_monitor::{MonitorError, TlsFiles, Watched, is_ours, watch};
use runbook_plan::duration;
use runbook_report::text::escape;
use similar::TextDiff;

use super::{Ended, print};
use crate::args::{ConnectionArgs, MonitorArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories::{advise, again, limited, read};

/// Prometheus itself takes no larger ones apart from years.
const MOST_INTERVAL_MS: u64 = 24 * 3_600_000;

/// One file on its way.
struct Planned {
    path: PathBuf,
    then: String,
    now: Option<String>,
}

impl Planned {
    const fn verb(&self) -> &'static str {
        match &self.now {
            None => "new",
            Some(_) => "changed",
        }
    }

    fn changes(&self) -> bool {
        self.now.as_ref() != Some(&self.then)
    }
}

/// Writes the files that watch an inventory's clusters: all of them, or none where one is somebody else's.
pub fn monitor(args: &MonitorArgs, environment: &Environment) -> Ended {
    let inventory = read(&args.inventory)?;
    let watched = Watched {
        groups: groups(args, &inventory, environment)?,
        inventory: again(&args.inventory.inventory, &ConnectionArgs::default()),
        tls: TlsFiles {
            ca: args.ca.clone(),
            cert: args.cert.clone(),
            key: args.key.clone(),
        },
        interval_ms: interval(&args.interval)?,
    };
    let (files, notes) = watch(&watched)?;
    for note in notes {
        eprintln!("note: {}", escape(&note.to_string()));
    }
    let mut planned = Vec::new();
    for file in files {
        planned.push(look(args, file.name, file.text)?);
    }
    if !args.dry_run && planned.iter().any(Planned::changes) {
        std::fs::create_dir_all(&args.out).map_err(|error| cannot("make", &args.out, &error))?;
    }
    for file in planned {
        tell(&file, args)?;
        if file.changes() && !args.dry_run {
            write(&file.path, &file.then).map_err(|error| cannot("write", &file.path, &error))?;
        }
    }
    Ok(exit::OK)
}

/// The members of each group, as far as `--limit` leaves them.
fn groups(
    args: &MonitorArgs,
    inventory: &Inventory,
    environment: &Environment,
) -> Result<Vec<(String, Vec<MemberSpec>)>, Failure> {
    let chosen = limited(inventory, args.inventory.limit.as_deref())?;
    let mut groups = Vec::new();
    for group in &args.group {
        if inventory.hosts_of(group).is_none() {
            let known: Vec<_> = inventory.groups().collect();
            let help = format!("its groups are {}; name one with --group", known.join(", "));
            let group = escape(group);
            return Err(Failure::input(
                format!("the inventory has no group `{group}`"),
                help,
            ));
        }
        let mut specs = inventory
            .members_of(group, &Overrides::default())
            .map_err(|errors| Failure::all(exit::BAD_INPUT, errors.into_problems()))?;
        specs.retain(|spec| chosen.contains(&spec.host));
        groups.push((group.clone(), specs));
    }
    let hosts: Vec<_> = groups
        .iter()
        .flat_map(|(_, specs)| specs.iter().map(|s| s.host.clone()))
        .collect();
    advise(inventory, &hosts, environment);
    Ok(groups)
}

fn interval(text: &str) -> Result<u64, Failure> {
    duration(text)
        .filter(|ms| (1..=MOST_INTERVAL_MS).contains(ms))
        .ok_or_else(|| {
            Failure::say(
                exit::USAGE,
                format!("`--interval {text}` is no time between two scrapes"),
                "give a duration as `15s` or `1m`".to_owned(),
            )
        })
}

/// What stands where a file is to be. Somebody else's file stays.
fn look(args: &MonitorArgs, name: &str, then: String) -> Result<Planned, Failure> {
    let path = args.out.join(name);
    let now = match std::fs::read(&path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot("read", &path, &error)),
    };
    if now.as_deref().is_some_and(|text| !is_ours(text)) && !args.force {
        return Err(Failure::input(
            format!("`{}` is not one that this command wrote", path.display()),
            "name another directory with --out, or overwrite it with --force; nothing was written"
                .to_owned(),
        ));
    }
    Ok(Planned { path, then, now })
}

fn tell(file: &Planned, args: &MonitorArgs) -> Result<(), Failure> {
    let path = escape(&file.path.display().to_string());
    if !file.changes() {
        return print(&format!("unchanged  {path}\n"));
    }
    print(&format!("{:<9}  {path}\n", file.verb()))?;
    if args.diff {
        let diff = TextDiff::from_lines(file.now.as_deref().unwrap_or_default(), &file.then)
            .unified_diff()
            .context_radius(3)
            .header(&format!("{path} (now)"), &format!("{path} (then)"))
            .to_string();
        print(&escape(&diff))?;
    }
    Ok(())
}

/// Writes beside and renames, so that Prometheus never reads half of a file and a full disk leaves the old one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.part"));
    // What a crash left; a link there is never followed.
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .and_then(|mut beside| {
            beside.write_all(text.as_bytes())?;
            beside.sync_all()
        })
        .and_then(|()| std::fs::rename(&part, path))
        .and_then(|()| File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("cannot {what} `{}`: {error}", path.display()), None)
}

impl From<MonitorError> for Failure {
    fn from(error: MonitorError) -> Self {
        let code = match error {
            MonitorError::Yaml(_) | MonitorError::Json(_) => exit::INTERNAL,
            _ => exit::BAD_INPUT,
        };
        Failure::say(code, escape(&error.to_string()), error.help().to_owned())
    }
}
