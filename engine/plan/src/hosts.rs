//! What the planner asks of the inventory.

use runbook_inventory::{Errors, Inventory, Overrides};
use runbook_model::host::{HostName, MemberSpec};
use serde_json::Value as Json;

use crate::error::{Fault, Outcome, Problem, nearest};
use crate::targets::names;
use crate::value::Value;

/// The hosts of a group; an unknown group is an error that names the nearest.
pub(crate) fn group(inventory: &Inventory, name: &str) -> Outcome<Vec<HostName>> {
    inventory.hosts_of(name).ok_or_else(|| {
        Fault::UnknownGroup {
            name: name.to_owned(),
            meant: nearest(name, inventory.groups()),
            known: inventory.groups().map(str::to_owned).collect(),
        }
        .into()
    })
}

/// The hosts that a pattern selects, in inventory order.
pub(crate) fn pattern(inventory: &Inventory, pattern: &str) -> Outcome<Vec<HostName>> {
    inventory.pattern(pattern).map_err(|error| {
        Fault::Pattern {
            text: error.to_string(),
            help: miette::Diagnostic::help(&error).map(|h| h.to_string()),
        }
        .into()
    })
}

/// The host of that name.
pub(crate) fn named(inventory: &Inventory, name: &str) -> Outcome<HostName> {
    let host = HostName::new(name);
    if inventory.has_host(&host) {
        return Ok(host);
    }
    Err(Fault::UnknownHost {
        name: name.to_owned(),
        meant: nearest(name, inventory.hosts().iter().map(HostName::as_str)),
        known: inventory.hosts().iter().map(HostName::to_string).collect(),
    }
    .into())
}

/// Whether a name is that of a host of a group; `parameter`: what was to be one.
pub(crate) fn named_in(
    inventory: &Inventory,
    parameter: &str,
    (group, name): (&str, &str),
) -> Outcome<()> {
    // A group that is not there is told of where its hosts are wanted.
    let Some(of_group) = inventory.hosts_of(group) else {
        return Ok(());
    };
    let host = HostName::new(name);
    if of_group.contains(&host) {
        return Ok(());
    }
    if inventory.has_host(&host) {
        return Err(Fault::NotInGroup {
            parameter: parameter.to_owned(),
            name: name.to_owned(),
            group: group.to_owned(),
            known: names(&of_group),
        }
        .into());
    }
    let named_so = |host: &&HostName| {
        let own = inventory.var(host, "etcd_name");
        own.is_some_and(|var| var.value.as_str() == Some(name))
    };
    let meant = match of_group.iter().find(named_so) {
        Some(host) => Some(host.to_string()),
        None => nearest(name, of_group.iter().map(HostName::as_str)),
    };
    Err(Fault::UnknownHost {
        name: name.to_owned(),
        meant,
        known: of_group.iter().map(HostName::to_string).collect(),
    }
    .into())
}

/// A field of a member as a value of the language; none for tables.
pub(crate) fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Unset,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n
            .as_i64()
            .map_or_else(|| Value::Text(n.to_string()), Value::Int),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect::<Option<_>>()?),
        Json::Object(_) => return None,
    })
}

/// Those of `hosts` that `--limit` leaves.
pub(crate) fn limit(
    inventory: &Inventory,
    text: &str,
    hosts: &[HostName],
) -> Outcome<Vec<HostName>> {
    let chosen = pattern(inventory, text)?;
    Ok(hosts
        .iter()
        .filter(|h| chosen.contains(h))
        .cloned()
        .collect())
}

/// The members on these hosts of a group, or all errors of the inventory about them.
pub(crate) fn members(
    inventory: &Inventory,
    group: &str,
    hosts: &[HostName],
    connection: &Overrides,
) -> Result<Vec<MemberSpec>, Vec<Problem>> {
    let fault = |errors: Errors| -> Vec<Problem> {
        errors
            .into_problems()
            .into_iter()
            .map(|problem| Fault::Inventory(Box::new(problem)).into())
            .collect()
    };
    let mut specs = inventory.members_of(group, connection).map_err(fault)?;
    specs.retain(|spec| hosts.contains(&spec.host));
    for host in hosts {
        if !specs.iter().any(|spec| spec.host == *host) {
            specs.push(
                inventory
                    .member_spec(host, group, connection)
                    .map_err(fault)?,
            );
        }
    }
    Ok(specs)
}

/// Where a host is reached: `host.address`.
pub(crate) fn address(
    inventory: &Inventory,
    connection: &Overrides,
    host: &HostName,
) -> Outcome<String> {
    let found = inventory.connection(host, connection);
    found.map(|c| c.address).map_err(|errors| {
        let first = errors.into_problems().into_iter().next();
        match first {
            Some(problem) => Fault::Inventory(Box::new(problem)).into(),
            None => Fault::UnknownHost {
                name: host.to_string(),
                meant: None,
                known: inventory.hosts().iter().map(HostName::to_string).collect(),
            }
            .into(),
        }
    })
}
