use std::path::Path;

use runbook_model::view::SnapshotFacts;
use runbook_snapshot::{Allow, Report, parse_sha256, verify};

/// Reads and judges a file on the control host. Blocks for as long as hashing it takes.
pub(super) fn snapshot_facts(path: &Path, sha256: Option<&str>) -> SnapshotFacts {
    let expected = match sha256.map(parse_sha256).transpose() {
        Ok(expected) => expected,
        Err(error) => {
            return SnapshotFacts {
                refused: vec![error.to_string()],
                ..SnapshotFacts::default()
            };
        }
    };
    match verify(path, expected.as_ref(), Allow::default()) {
        Ok(verified) => facts(verified.report(), Vec::new()),
        Err(refused) => {
            let mut why: Vec<String> = refused.reasons().iter().map(ToString::to_string).collect();
            if why.is_empty() {
                why.push(refused.to_string());
            }
            match refused.report() {
                Some(report) => facts(report, why),
                None => SnapshotFacts {
                    refused: why,
                    ..SnapshotFacts::default()
                },
            }
        }
    }
}

fn facts(report: &Report, refused: Vec<String>) -> SnapshotFacts {
    let mut facts = SnapshotFacts {
        refused,
        size: report.size,
        sha256: report.sha256.clone(),
        has_hash: !matches!(
            report.verdict,
            runbook_snapshot::Verdict::NoTrailingHash { .. }
        ),
        ..SnapshotFacts::default()
    };
    if let Some(database) = &report.database {
        facts.hash = database.hash;
        facts.revision = database.revision;
        facts.total_keys = database.total_key;
        // What a bump leaves counts as a key that nobody can ask for.
        let placeholder = u64::from(database.keys.placeholders > 0);
        facts.live_keys = database.total_key_36.saturating_sub(placeholder);
        facts.needs_version = database.server_fit.least.map(|minor| minor.to_string());
        facts.auth_enabled = database.auth.enabled;
    }
    facts
}
