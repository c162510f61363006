//! What a template sees: parameters, the host, its member, the run. Data only.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::error::Outcome;
use crate::value::Value;
use crate::verbs::Site;
use crate::{hosts, member};

/// Names for a template, and names that it must not use.
pub(crate) struct Context {
    pub(crate) values: Map<String, Json>,
    pub(crate) secrets: BTreeMap<String, &'static str>,
}

/// The context of a host.
pub(crate) fn of(site: &Site<'_>) -> Outcome<Context> {
    let mut values = Map::new();
    let mut secrets = BTreeMap::new();
    for (name, value) in site.scope.values {
        if matches!(value, Value::Secret(_)) {
            secrets.insert(name.clone(), "a secret");
        } else if let Value::Snapshot(path) = value {
            if let Some(found) = site.view.snapshots.get(path) {
                values.insert(
                    name.clone(),
                    json!({"size": found.size, "revision": found.revision, "sha256": found.sha256, "hash": format!("{:08x}", found.hash)}),
                );
            }
        } else if let Some(json) = value.json() {
            values.insert(name.clone(), json);
        }
    }
    let run = site.call.run;
    values.insert("run".to_owned(), json!({"id": run.id}));
    values.insert("cluster".to_owned(), Json::from(run.cluster));
    let address = hosts::address(site.scope.inventory, site.scope.connection, site.call.host)?;
    let host = json!({"name": site.call.host.as_str(), "address": address});
    values.insert("host".to_owned(), host);
    if let Some(spec) = site.call.member {
        let fields = member::fields(spec, Some(site.facts));
        values.insert("member".to_owned(), Json::Object(fields));
        let all = member::initial_cluster(run.members.iter());
        values.insert("initial_cluster".to_owned(), Json::from(all));
    }
    Ok(Context { values, secrets })
}
