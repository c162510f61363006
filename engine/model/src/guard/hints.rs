//! What to type next: the one place of this room that names shipped runbooks and their parameters.

use super::members::list;
use crate::cluster::{Alarm, Member};
use crate::host::{HostName, MemberSpec};
use crate::view::View;

pub(super) const FOREIGN: &str = "add its host to the inventory's group; `scale-down.etcdrb` then removes it, if it is not wanted";
pub(super) const LAGGING: &str = "wait until it has caught up: `runbook status` shows the lag";
pub(super) const UNLISTED: &str =
    "`scale-up.etcdrb` makes members of them; or take them out of the inventory's group";
pub(super) const LISTED: &str = "name a host that is no member yet";
pub(super) const FORMED: &str =
    "a cluster is formed once; further hosts join it with `scale-up.etcdrb`";
pub(super) const NO_LEADER: &str = "`runbook status` tells who is missing: bring them back; if they are gone for good, \
     `recover-majority.etcdrb` goes on from what a survivor has";
pub(super) const ALONE: &str =
    "one member alone has nobody to stand in for it: `scale-up.etcdrb` adds others";
pub(super) const SPARE: &str = "`runbook status` tells who is missing: bring them back first";
pub(super) const LOST: &str = "bring the other members back first; if they are gone for good, `recover-majority.etcdrb` goes on from what \
     a survivor has, `restore.etcdrb` from a snapshot";

/// The command that takes a member out.
fn take_out(host: &str) -> String {
    format!("`scale-down.etcdrb` with `-e member={host}`")
}

/// Of a member that was added and not brought to its end.
pub(super) fn half_way(host: Option<&MemberSpec>) -> String {
    let host = host.map_or("HOST", |spec| spec.host.as_str());
    format!(
        "`runbook resume` or `runbook rollback` of the run that added it; or take it out: {}",
        take_out(host)
    )
}

/// Of a member that does not serve.
pub(super) fn down(host: &HostName) -> String {
    format!(
        "start it again; if it is lost, `replace.etcdrb` brings it back, and {} takes it out",
        take_out(host.as_str())
    )
}

/// Of an alarm: what is to be done before it is disarmed.
pub(super) fn alarm(kind: &str) -> &'static str {
    match kind {
        "NOSPACE" => {
            "`recover-nospace.etcdrb` frees room and disarms it; disarmed without room it is back with the next write"
        }
        "CORRUPT" => {
            "never disarm it by hand: its data differs from the others'; `runbook status` tells whose, `replace.etcdrb` gives that member the \
             others' data"
        }
        _ => "an alarm is there for a reason: `runbook status` names the member",
    }
}

/// Of a data dir that is in the way.
pub(super) fn aside(spec: &MemberSpec) -> String {
    let dir = &spec.data_dir;
    format!(
        "look at what it is; `mv {dir} {dir}.old` on `{}` sets it aside, nothing here deletes it",
        spec.host
    )
}

/// An alarm and whose it is.
pub(super) fn alarm_text(alarm: &Alarm, view: &View) -> String {
    let serving = view.cluster.serving();
    let mut own = serving.filter(|(_, s)| s.member_id == alarm.member_id);
    let listed = || {
        let mut members = view.cluster.membership()?.iter();
        members.find(|m| m.id == alarm.member_id && !m.name.is_empty())
    };
    let whose = match (own.next(), listed()) {
        (Some((host, _)), _) => format!("`{host}`"),
        (None, Some(member)) => format!("`{}`", member.name),
        (None, None) => format!("member {:x}", alarm.member_id),
    };
    format!("alarm {} is active on {whose}", alarm.kind)
}

/// A member by its name, or by what there is while it has none.
pub(super) fn shown(member: &Member, host: Option<&MemberSpec>) -> String {
    match (member.name.as_str(), host) {
        ("", Some(spec)) => format!("`{}` ({})", spec.host, list(&member.peer_urls)),
        ("", None) => format!("{:x} ({})", member.id, list(&member.peer_urls)),
        (name, _) => format!("`{name}`"),
    }
}
