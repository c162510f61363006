//! Guards about what hosts are made of: a verdict's first line sums up, a table of required and found follows.

use super::Verdict;
use super::evaluate::{holds, unknown, violated, violated_help, why_untold};
use super::members::list;
use crate::facts::HostFacts;
use crate::host::{HostName, MemberSpec};
use crate::sizing::{Fit, Row, SizeClass, rows, table};
use crate::view::View;

pub(super) fn fits(members: &[HostName], size: SizeClass, view: &View) -> Verdict {
    let found = of_each(members, view, |spec, facts| rows(spec, facts, size));
    let all = format!(
        "{} of {} hosts fit `{}`",
        members.len(),
        members.len(),
        size.as_str()
    );
    match judged(&found, &all) {
        Verdict::Violated { observed, .. } => violated_help(
            observed,
            "give these hosts what they lack, or choose the size that they have",
        ),
        other => other,
    }
}

pub(super) fn fsync_within(members: &[HostName], limit_ms: u64, view: &View) -> Verdict {
    let limit_us = limit_ms.saturating_mul(1_000);
    let found = of_each(members, view, |spec, facts| {
        let row = |found: String, fit| Row {
            host: spec.host.to_string(),
            what: "fsync",
            required: format!("p99 {}", ms(limit_us)),
            found,
            fit,
        };
        vec![match &facts.fsync {
            None => row("not measured".to_owned(), Fit::Unknown),
            Some(seen) => row(
                format!(
                    "p99 {}, longest {}, of {} on {}",
                    ms(seen.p99_us),
                    ms(seen.max_us),
                    seen.count,
                    seen.dir
                ),
                if seen.p99_us <= limit_us {
                    Fit::Enough
                } else {
                    Fit::Short
                },
            ),
        }]
    });
    let measured = members
        .iter()
        .any(|h| view.facts(h).is_some_and(|f| f.fsync.is_some()));
    if !measured {
        return unknown("no disk was measured: `measure-disk` does it, in the run");
    }
    judged(
        &found,
        &format!(
            "{} of {} disks are fast enough",
            members.len(),
            members.len()
        ),
    )
}

/// The rows of every host; one that was not reached has one that says why.
fn of_each(
    members: &[HostName],
    view: &View,
    of: impl Fn(&MemberSpec, &HostFacts) -> Vec<Row>,
) -> Vec<Row> {
    let of_host = |host: &HostName| match (view.specs.get(host), view.facts(host)) {
        (Some(spec), Some(facts)) => of(spec, facts),
        _ => vec![Row {
            host: host.to_string(),
            what: "host",
            required: "answers".to_owned(),
            found: why_untold(host, view),
            fit: Fit::Unknown,
        }],
    };
    members.iter().flat_map(of_host).collect()
}

/// One thing that is too small decides, then one that cannot be told.
fn judged(found: &[Row], all: &str) -> Verdict {
    let of = |fit: Fit| -> Vec<String> {
        let these = found.iter().filter(|row| row.fit == fit);
        these
            .map(|row| {
                format!(
                    "`{}`: {} {}, {} required",
                    row.host, row.what, row.found, row.required
                )
            })
            .collect()
    };
    let (short, untold) = (of(Fit::Short), of(Fit::Unknown));
    let table = table(found);
    if !short.is_empty() {
        violated(format!("{}\n{table}", list(&short)))
    } else if !untold.is_empty() {
        unknown(format!("not to be told: {}\n{table}", list(&untold)))
    } else {
        holds(format!("{all}\n{table}"))
    }
}

/// Microseconds as milliseconds with two decimals.
fn ms(us: u64) -> String {
    format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10)
}
