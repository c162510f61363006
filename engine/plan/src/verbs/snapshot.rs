//! `save-snapshot`.

use runbook_model::action::Action;
use runbook_model::units;

use super::{Draft, Site, Work, changes};
use crate::error::{Fault, Outcome};

pub(super) fn save(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    let dest = call.known("dest")?;
    if site.step_hosts.len() > 1 {
        return Err(Fault::Expression {
            why: format!(
                "{} members would write the same file: choose one, as in `on best(members)`",
                site.step_hosts.len()
            ),
        }
        .into());
    }
    if call.run.files.exists(&dest) {
        return Err(Fault::WouldOverwrite { path: dest }.into());
    }
    let size = site
        .view
        .cluster
        .serving()
        .find(|(host, _)| *host == call.host)
        .and_then(|(_, status)| u64::try_from(status.db_size).ok())
        .map_or_else(
            || "snapshot".to_owned(),
            |n| format!("about {}", units::bytes(n)),
        );
    Ok(vec![Draft {
        summary: format!("save a snapshot of {} to {dest} on this machine", spec.name),
        change: changes(format!("absent -> {size}, and {dest}.json beside it")),
        action: Action::SaveSnapshot {
            member: call.host.clone(),
            dest,
        },
        undo: Vec::new(),
    }]
    .into())
}
