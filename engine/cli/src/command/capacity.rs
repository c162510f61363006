//! `runbook capacity`.

use runbook_capacity::{
    Class, Estimate, Kind, Load, LoadError, Row, Span, class_of, estimate, from_census, known,
};
use runbook_model::units::{bytes, duration as spoken};
use runbook_plan::duration;
use runbook_report::text::{escape, pad};
use runbook_snapshot::{CensusError, census};
use serde_json::json;

use super::{Ended, print, print_json};
use crate::args::{CapacityArgs, Format};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;

/// Rows shown of a snapshot; JSON has them all.
const MOST_ROWS: usize = 12;
/// A year: beyond, a number is a slip.
const MOST_RETENTION_MS: u64 = 366 * 86_400_000;

/// Estimates a database: 0 where a quota fits it, 3 where none that etcd recommends does.
pub fn capacity(args: &CapacityArgs, environment: &Environment) -> Ended {
    let retention_ms = retention(&args.retention)?;
    let mut load = load(args, retention_ms as f64 / 1000.0)?;
    for given in &args.writes {
        let (name, rate) = rate(given)?;
        load.write(name, rate)?;
    }
    let estimate = estimate(&load)?;
    let class = args.nodes.map(class_of);
    match args.format {
        Format::Json => print_json(&json!({
            "retentionMs": retention_ms,
            "estimate": estimate,
            "hardware": class,
        }))?,
        Format::Table => print(&table(args, &estimate, class, retention_ms, environment))?,
    }
    Ok(if estimate.quota.fits {
        exit::OK
    } else {
        exit::REFUSED
    })
}

/// What the command line or a snapshot says is to be held.
fn load(args: &CapacityArgs, retention_s: f64) -> Result<Load, Failure> {
    if let Some(file) = &args.snapshot {
        let counted = census(file)?;
        return Ok(from_census(&counted, retention_s));
    }
    let counts = [
        ("pods", args.pods),
        ("secrets", args.secrets),
        ("configmaps", args.configmaps),
        ("events", args.events),
    ];
    let mut kinds: Vec<Kind> = counts
        .into_iter()
        .filter_map(|(name, objects)| known(name, objects?))
        .collect();
    for given in &args.objects {
        kinds.push(objects(given)?);
    }
    Ok(Load {
        kinds,
        retention_s,
        now: None,
    })
}

fn usage(message: String, help: &str) -> Failure {
    Failure::say(exit::USAGE, message, help.to_owned())
}

fn retention(text: &str) -> Result<u64, Failure> {
    duration(text)
        .filter(|ms| *ms <= MOST_RETENTION_MS)
        .ok_or_else(|| {
            usage(
                format!(
                    "`--retention {}` is no time to keep revisions for",
                    escape(text)
                ),
                "give a duration as `10m` or `1h`",
            )
        })
}

/// `NAME=RATE`. A name may hold `=`.
fn rate(given: &str) -> Result<(&str, f64), Failure> {
    let parts = given.rsplit_once('=');
    parts
        .and_then(|(name, rate)| Some((name, rate.parse().ok()?)))
        .ok_or_else(|| {
            usage(
                format!("`--writes {}` is not a name with a rate", escape(given)),
                "write `--writes pods=20` for twenty changes a second",
            )
        })
}

/// `NAME=N:BYTES`.
fn objects(given: &str) -> Result<Kind, Failure> {
    let parts = || {
        let (name, rest) = given.split_once('=')?;
        let (count, size) = rest.split_once(':')?;
        let fit = !name.is_empty();
        fit.then_some((name, count.parse().ok()?, size.parse().ok()?))
    };
    let (name, count, size) = parts().ok_or_else(|| {
        usage(
            format!(
                "`--objects {}` is not a name with a count and a size",
                escape(given)
            ),
            "write `--objects leases=5000:400` for 5000 of 400 bytes each",
        )
    })?;
    Ok(Kind::of_size(name, count, size)?)
}

fn table(
    args: &CapacityArgs,
    estimate: &Estimate,
    class: Option<Class>,
    retention_ms: u64,
    environment: &Environment,
) -> String {
    let style = environment.stdout;
    let mut out = rows(&estimate.rows);
    let kept = spoken(retention_ms);
    let history = if args.snapshot.is_some() && args.writes.is_empty() {
        "history, as the snapshot has it".to_owned()
    } else {
        format!("history of {kept} until it is compacted")
    };
    let lines = [
        ("objects alive", span(estimate.live)),
        (history.as_str(), span(estimate.history)),
        ("half-empty and free pages", span(estimate.overhead)),
        ("database at its fullest", span(estimate.database)),
    ];
    out.push('\n');
    for (name, value) in lines {
        out += &format!("{name:<44}{value}\n");
    }
    if let Some(now) = estimate.now {
        out += &format!("{:<44}{}\n", "database in the snapshot", bytes(now));
    }
    if estimate.rows.iter().all(|row| row.history_records == 0) {
        let note = "no changes are counted: say how many with --writes";
        out += &format!("{}\n", style.dim(note));
    }
    let quota = estimate.quota;
    out += &format!(
        "\netcd_quota_bytes={}    # {}\n",
        quota.bytes,
        bytes(quota.bytes)
    );
    if !quota.fits {
        let note = "more than the largest quota that etcd recommends: compact more often, keep fewer objects, or give events a cluster of their own";
        out += &format!("{}\n", style.bad(note));
    }
    if let Some(class) = class {
        out += &format!("{}\n", hardware(class));
    }
    out
}

fn rows(all: &[Row]) -> String {
    let mut out = format!(
        "{:<32}{:>12}{:>12}{:>12}  {}\n",
        "WHAT", "OBJECTS", "CHANGES/S", "HISTORY", "IN THE DATABASE"
    );
    for row in all.iter().take(MOST_ROWS) {
        out += &format!(
            "{}{:>12}{:>12}{:>12}  {}\n",
            pad(&name(row), 32),
            row.objects,
            format!("{:.1}", row.writes_per_s),
            row.history_records,
            span(row.database)
        );
    }
    if let Some(more) = all.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        out += &format!("and {more} more; --format json has them all\n");
    }
    out
}

fn name(row: &Row) -> String {
    if row.name.is_empty() {
        "(keys without `/`)".to_owned()
    } else {
        escape(&row.name)
    }
}

/// `1.2 MiB to 3.4 MiB`, or one size where both are the same in words.
fn span(span: Span) -> String {
    let (low, high) = (bytes(span.low as u64), bytes(span.high as u64));
    if low == high {
        low
    } else {
        format!("{low} to {high}")
    }
}

fn hardware(class: Class) -> String {
    let bound = match class.nodes_below {
        Some(nodes) => format!("below {nodes} nodes"),
        None => "1000 nodes and more".to_owned(),
    };
    format!(
        "hardware of a member, {} ({bound}): {} cores, {} GB of memory, {} GB of {}, {} Gbit/s",
        class.name, class.cores, class.memory_gb, class.disk_gb, class.disk, class.network_gbps
    )
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let help = match &error {
            LoadError::Nothing => {
                "say what there is: --pods, --secrets, --configmaps, --events, --objects or --snapshot"
                    .to_owned()
            }
            LoadError::UnknownKind { known, .. } if known.is_empty() => {
                "name what you counted before, as in `--pods 1000 --writes pods=5`".to_owned()
            }
            LoadError::UnknownKind { known, .. } => {
                let some: Vec<_> = known.iter().take(MOST_ROWS).map(|name| escape(name)).collect();
                format!("there are {}", some.join(", "))
            }
            LoadError::Twice { .. } => "give each kind once, with the sum".to_owned(),
            LoadError::TooMany { .. } => "is the number one of bytes?".to_owned(),
            LoadError::TooLarge { .. } => "a request of a client ends at 1.5 MiB".to_owned(),
            LoadError::Rate { .. } => "a rate is changes a second, as `20` or `0.5`".to_owned(),
        };
        Failure::input(escape(&error.to_string()), help)
    }
}

impl From<CensusError> for Failure {
    fn from(error: CensusError) -> Self {
        let help = error.help().to_owned();
        Failure::input(escape(&error.to_string()), help)
    }
}
