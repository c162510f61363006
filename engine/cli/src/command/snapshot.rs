//! `runbook snapshot inspect|verify`.

use runbook_model::units::bytes;
use runbook_report::text::escape;
use runbook_snapshot::{
    Allow, Options, Reason, Report, Verdict, inspect, parse_sha256, to_json, verify,
};
use serde_json::json;

use super::{Ended, print, print_json};
use crate::args::{Format, SnapshotArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;

/// What a file holds, whatever it is worth: 0 where it could be read.
pub fn show(args: &SnapshotArgs, environment: &Environment) -> Ended {
    let report = inspect(&args.file, &Options::default())
        .map_err(|error| Failure::input(&error, error.help().to_owned()))?;
    match args.format {
        Format::Json => print_json(&to_json(&report))?,
        Format::Table => print(&human(args, &report, environment))?,
    }
    Ok(exit::OK)
}

/// Whether a file may be restored: 0 valid, 10 refused.
pub fn judge(args: &SnapshotArgs, environment: &Environment) -> Ended {
    let expected = args
        .sha256
        .as_deref()
        .map(parse_sha256)
        .transpose()
        .map_err(|error| {
            Failure::input(
                error,
                "give 64 hex digits, as `sha256sum` prints them".to_owned(),
            )
        })?;
    let allow = Allow {
        missing_hash: args.allow_missing_hash,
    };
    match verify(&args.file, expected.as_ref(), allow) {
        Ok(verified) => {
            match args.format {
                Format::Json => print_json(&to_json(verified.report()))?,
                Format::Table => print(&human(args, verified.report(), environment))?,
            }
            Ok(exit::OK)
        }
        Err(refused) => {
            match (args.format, refused.report()) {
                (Format::Json, Some(report)) => {
                    print_json(&refused_json(report, refused.reasons()))?
                }
                (Format::Json, None) => {
                    print_json(&json!({ "verdict": "unreadable", "reason": refused.to_string() }))?
                }
                (Format::Table, _) => {
                    let reasons: String = refused
                        .reasons()
                        .iter()
                        .map(|r| format!("\n  {r}"))
                        .collect();
                    let text = format!("`{}`: {refused}{}", args.file.display(), escape(&reasons));
                    return Err(Failure::input(text, refused.help().to_owned()));
                }
            }
            Ok(exit::BAD_INPUT)
        }
    }
}

/// A file may be whole and refused all the same (another SHA-256): the deciding reason comes first.
fn refused_json(report: &Report, reasons: &[Reason]) -> serde_json::Value {
    let mut value = to_json(report);
    if let (Some(object), Some(first)) = (value.as_object_mut(), reasons.first()) {
        object.insert("refused".into(), true.into());
        object.insert("reason".into(), first.damage.to_string().into());
        object.insert("where".into(), first.place.to_string().into());
    }
    value
}

fn human(args: &SnapshotArgs, report: &Report, environment: &Environment) -> String {
    let style = environment.stdout;
    let verdict = match &report.verdict {
        Verdict::Valid => style.good("valid"),
        Verdict::Suspect { .. } => style.warn("valid, with something odd"),
        Verdict::NoTrailingHash { .. } => style.warn("no trailing hash"),
        Verdict::Invalid { .. } => style.bad("INVALID"),
    };
    let mut out = format!("{}: {verdict}\n", args.file.display());
    for reason in report.verdict.reasons() {
        out += &format!("  {}\n", escape(&reason.to_string()));
    }
    let mut rows = vec![
        (
            "size",
            format!("{} ({} bytes)", bytes(report.size), report.size),
        ),
        ("sha256", report.sha256.clone()),
    ];
    if let Some(db) = &report.database {
        rows.extend([
            ("hash", format!("{:08x}", db.hash)),
            ("revision", db.revision.to_string()),
            (
                "keys",
                format!("{} entries, {} alive", db.total_key, db.total_key_36),
            ),
            (
                "compacted",
                if db.compact_revision < 0 {
                    "never".into()
                } else {
                    db.compact_revision.to_string()
                },
            ),
            (
                "members",
                db.members
                    .iter()
                    .map(|m| m.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            (
                "cluster version",
                db.cluster_version
                    .clone()
                    .unwrap_or_else(|| "not stored".into()),
            ),
            (
                "needs etcd",
                db.server_fit
                    .least
                    .map_or_else(|| "not told".into(), |v| format!("{v} or later")),
            ),
            ("authentication", auth(&db.auth)),
        ]);
    }
    for (name, value) in rows {
        out += &format!("  {name:<16}{}\n", escape(&value));
    }
    out
}

fn auth(auth: &runbook_snapshot::Auth) -> String {
    if auth.enabled {
        format!(
            "ON: a restore brings back {} users and {} roles",
            auth.user_count, auth.role_count
        )
    } else {
        "off".to_owned()
    }
}
