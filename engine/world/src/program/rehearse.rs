//! The copy of a member that a rehearsal starts, as a call of its shell functions.

use runbook_model::action::Rehearsal;

use super::names::{BadValue, name, path};
use crate::quote::words;

/// The body of an action's function.
pub(super) fn rehearse(dir: &str, part: &Rehearsal) -> Result<String, BadValue> {
    let dir = path(dir)?;
    let (function, arguments) = match part {
        Rehearsal::Prepare { user } => ("prepare_copy", vec![dir, name("user", user)?.to_owned()]),
        Rehearsal::Start {
            etcd,
            etcdctl,
            name: member,
            user,
            quota_bytes,
            wait_s,
            life_s,
        } => (
            "start_copy",
            vec![
                dir,
                path(etcd)?,
                path(etcdctl)?,
                member.clone(),
                name("user", user)?.to_owned(),
                quota_bytes.to_string(),
                wait_s.to_string(),
                life_s.to_string(),
            ],
        ),
        Rehearsal::ReadBack {
            etcdctl,
            cluster_id,
            revision,
            keys,
        } => (
            "read_copy",
            vec![
                dir,
                path(etcdctl)?,
                name("cluster id", cluster_id)?.to_owned(),
                revision.to_string(),
                keys.map_or_else(String::new, |n| n.to_string()),
            ],
        ),
        Rehearsal::Remove => ("remove_copy", vec![dir]),
    };
    Ok(format!("{function} {}", words(arguments)?))
}
