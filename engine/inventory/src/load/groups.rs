//! After the last source: what is nowhere goes under `all` and `ungrouped`, depths and memberships are worked out.

use indexmap::IndexSet;

use super::draft::Draft;
use crate::fact::Fact;
use crate::problem::{Place, Source};

/// Makes the draft whole.
pub fn settle(draft: &mut Draft) {
    let orphans: Vec<String> = draft
        .groups
        .iter()
        .filter(|(name, group)| *name != "all" && group.parents.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    let nowhere = Place::whole(&Source::new("the inventory", ""));
    for name in orphans {
        draft.add_child("all", &name, &nowhere);
    }
    settle_ungrouped(draft);
    set_depths(draft);
    set_host_groups(draft);
    let twins: Vec<(String, Place)> = draft
        .hosts
        .iter()
        .filter(|(name, _)| draft.groups.contains_key(*name))
        .map(|(name, host)| (name.clone(), host.place.clone()))
        .collect();
    for (name, place) in twins {
        draft.report(Fact::HostLikeGroup { name }, place);
    }
}

/// `ungrouped` has exactly those hosts that no group but `all` has.
fn settle_ungrouped(draft: &mut Draft) {
    let grouped: IndexSet<String> = draft
        .groups
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "all" | "ungrouped"))
        .flat_map(|(_, group)| group.hosts.iter().cloned())
        .collect();
    let all: Vec<String> = draft
        .hosts
        .keys()
        .filter(|h| !grouped.contains(*h))
        .cloned()
        .collect();
    let ungrouped = draft.add_group("ungrouped");
    ungrouped.hosts.retain(|h| !grouped.contains(h));
    ungrouped.hosts.extend(all);
}

/// Longest way from `all`: what Ansible orders groups by.
fn set_depths(draft: &mut Draft) {
    // Kahn's order; the groups form no circle, since add_child refuses one.
    let mut waiting: indexmap::IndexMap<String, usize> = draft
        .groups
        .iter()
        .map(|(n, g)| (n.clone(), g.parents.len()))
        .collect();
    let mut ready: Vec<String> = waiting
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(n, _)| n.clone())
        .collect();
    while let Some(name) = ready.pop() {
        let Some(group) = draft.groups.get(&name) else {
            continue;
        };
        let (depth, children) = (group.depth, group.children.clone());
        for child in children {
            if let Some(c) = draft.groups.get_mut(&child) {
                c.depth = c.depth.max(depth + 1);
            }
            if let Some(n) = waiting.get_mut(&child) {
                *n -= 1;
                if *n == 0 {
                    ready.push(child);
                }
            }
        }
    }
}

/// Each host's groups with all their ancestors, by depth, priority and name; `all` first.
fn set_host_groups(draft: &mut Draft) {
    let mut of: indexmap::IndexMap<&str, IndexSet<&str>> = draft
        .hosts
        .keys()
        .map(|h| (h.as_str(), IndexSet::new()))
        .collect();
    for (name, group) in &draft.groups {
        let mut with_ancestors: IndexSet<&str> = IndexSet::from([name.as_str()]);
        let mut next = 0;
        while let Some(&g) = with_ancestors.get_index(next) {
            next += 1;
            if let Some(group) = draft.groups.get(g) {
                with_ancestors.extend(group.parents.iter().map(String::as_str));
            }
        }
        for host in &group.hosts {
            if let Some(groups) = of.get_mut(host.as_str()) {
                groups.extend(&with_ancestors);
            }
        }
    }
    let rank = |g: &str| {
        draft
            .groups
            .get(g)
            .map(|group| (g != "all", group.depth, group.priority))
    };
    let sorted: Vec<Vec<String>> = of
        .values()
        .map(|groups| {
            let mut groups: Vec<&str> = groups.iter().copied().chain(["all"]).collect();
            groups.sort_by_key(|g| (rank(g), *g));
            groups.dedup();
            groups.into_iter().map(str::to_owned).collect()
        })
        .collect();
    for (host, groups) in draft.hosts.values_mut().zip(sorted) {
        host.groups = groups;
    }
}
