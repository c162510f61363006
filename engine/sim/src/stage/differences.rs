//! What a run left different.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::host::HostName;

use crate::campaign::{changed, units};
use crate::model::{DataDir, Image, Model};

/// What differs on the hosts and on the control host: files, directories, units, data. On `struck` hosts what runs was not the
/// run's to say. Locks are left out, and data that stands aside: a rollback keeps what it takes out of a member's place.
pub fn differences(before: &Model, after: &Model, struck: &BTreeSet<HostName>) -> Vec<String> {
    let mut seen = Vec::new();
    let (then, now) = (before.image(), after.image());
    for (name, before) in &then {
        let Some(after) = now.get(name) else {
            continue;
        };
        let nothing = |_: &str| false;
        let mut found = changed(&before.files, &after.files, &nothing);
        found.extend(changed(&before.dirs, &after.dirs, &nothing));
        if !struck.contains(name) {
            found.extend(units(before, after, false, &nothing));
        }
        found.extend(data(before, after));
        seen.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    let here = changed(&before.control, &after.control, &|_| false);
    seen.extend(here.into_iter().map(|what| format!("this machine: {what}")));
    seen
}

/// Who a data dir's member is, and the keys that it has.
type Held<'a> = ((u64, u64), &'a BTreeMap<String, String>);

fn held(dir: Option<&DataDir>) -> Option<Held<'_>> {
    let member = dir?.member.as_ref()?;
    Some((member.key(), &member.store.keys))
}

fn data(before: &Image, after: &Image) -> Vec<String> {
    let paths: BTreeSet<_> = before.data.keys().chain(after.data.keys()).collect();
    let other = |path: &&String| held(before.data.get(*path)) != held(after.data.get(*path));
    let aside = |path: &&String| {
        let mut places = before.data.keys();
        places.any(|place| {
            path.strip_prefix(place.as_str())
                .is_some_and(|p| p.starts_with('.'))
        })
    };
    let paths = paths.into_iter().filter(|path| other(path) && !aside(path));
    paths
        .map(
            |path| match (held(before.data.get(path)), held(after.data.get(path))) {
                (None, _) => format!("there is data in {path}"),
                (_, None) => format!("the data in {path} is gone"),
                _ => format!("the data in {path} is another"),
            },
        )
        .collect()
}
