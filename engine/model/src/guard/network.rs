//! Guards about the network between members' hosts.

use std::collections::BTreeMap;

use super::Verdict;
use super::evaluate::{Finding, holds, settle, violated_help, why_untold};
use super::needs::peers;
use crate::facts::{Connect, Endpoint};
use crate::host::HostName;
use crate::view::View;

/// From every host to every other one's peer port. A refusal proves the path as well as a listener does.
pub(super) fn peers_reachable(members: &[HostName], view: &View) -> Verdict {
    let (mut findings, mut idle) = (Vec::new(), 0);
    // From whom each closed end is to be opened, for the mend.
    let mut closed: BTreeMap<(String, &HostName), Vec<String>> = BTreeMap::new();
    for from in members {
        let Some(spec) = view.specs.get(from) else {
            findings.push(Finding::Untold(why_untold(from, view)));
            continue;
        };
        let Some(facts) = view.facts(from) else {
            findings.push(Finding::Untold(why_untold(from, view)));
            continue;
        };
        for (to, end) in peers(spec, members, &view.specs) {
            let seen = facts.endpoints.get(&end.to_string());
            idle += usize::from(seen == Some(&Connect::Refused));
            let finding = path((from, to), &end, seen);
            if matches!(finding, Finding::Bad(_)) {
                let for_whom = closed.entry((end.to_string(), to)).or_default();
                for_whom.push(format!("`{from}`"));
            }
            findings.push(finding);
        }
    }
    if findings.is_empty() {
        return holds("there is no other host to reach");
    }
    match settle(findings, "paths between the hosts are open") {
        Verdict::Holds { observed } if idle > 0 => holds(format!(
            "{observed}, {idle} to ports on which nothing listens"
        )),
        Verdict::Violated { observed, .. } => {
            let mend = closed.iter().map(|((end, to), from)| {
                format!("TCP to {end} on `{to}` from {}", from.join(", "))
            });
            let mend: Vec<_> = mend.collect();
            violated_help(
                observed,
                format!("let through, in firewalls and routes: {}", mend.join("; ")),
            )
        }
        other => other,
    }
}

fn path((from, to): (&HostName, &HostName), end: &Endpoint, seen: Option<&Connect>) -> Finding {
    let way = format!("from `{from}` to `{to}` at {end}");
    match seen {
        Some(Connect::Accepted | Connect::Refused) => Finding::Fine,
        Some(Connect::Rejected) => Finding::Bad(format!(
            "{way}: a firewall rejects (ICMP port unreachable, which no closed port sends)"
        )),
        Some(Connect::Silent { limit_s }) => {
            Finding::Bad(format!("{way}: no answer within {limit_s} s"))
        }
        Some(Connect::Failed { why }) => Finding::Bad(format!("{way}: {why}")),
        Some(Connect::NotTried { why }) => Finding::Untold(format!("{way}: {why}")),
        None => Finding::Untold(format!("{way}: it was not tried")),
    }
}
