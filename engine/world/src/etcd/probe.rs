//! Asks one member what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{HashKvResponse, MemberListResponse, StatusResponse};
use runbook_model::cluster::{
    Alarm, HashKv, Member, MemberProbe, MemberQuery, MemberStatus, SilentCause,
};
use runbook_model::host::MemberSpec;
use runbook_pki::inspect;
use runbook_pki::layout::Layout;
use tokio::time::Instant;

use super::access::Access;
use super::connection::Connection;
use super::error::{CallError, Seconds, Silence, one_line};
use super::route::{Forward, Routes};

/// etcdctl's own default.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// Status, membership, alarms and (if asked) HashKV of one member, from that member alone: nothing here goes through raft.
/// Ends within the query's limit, whatever the member does.
pub async fn member_probe<F: Forward>(
    routes: &Routes<F>,
    spec: &MemberSpec,
    access: &Arc<Access>,
    query: MemberQuery,
) -> MemberProbe {
    let limit = match query.timeout_ms {
        0 => DEFAULT_LIMIT,
        ms => Duration::from_millis(ms),
    };
    let deadline = Instant::now() + limit;
    match routes.connect(spec, access, limit).await {
        Ok(connection) => match ask(&connection, query, deadline).await {
            Ok(mut status) => {
                status.certificate_issued = issued(spec);
                MemberProbe::Serving(Box::new(status))
            }
            Err(CallError::Timeout { .. }) => Silence::new(
                SilentCause::Timeout,
                format!(
                    "{} took the question and stays silent: no answer within {}",
                    connection.peer(),
                    Seconds(limit)
                ),
            )
            .into(),
            Err(error) => error.into_silence().into(),
        },
        Err(silence) => silence.into(),
    }
}

/// The serial number of the server certificate that stands here for a member.
fn issued(spec: &MemberSpec) -> Option<String> {
    let pair = Layout::new(&spec.control_pki_dir).server(&spec.name);
    let pem = std::fs::read_to_string(pair.cert).ok()?;
    Some(inspect(&pem).ok()?.serial)
}

async fn ask(
    connection: &Connection,
    query: MemberQuery,
    deadline: Instant,
) -> Result<MemberStatus, CallError> {
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut client = connection.client();
    let begun = Instant::now();
    let answer = connection.call("status", left(), client.status()).await?;
    let latency = begun.elapsed();
    let mut status = read_status(&answer);
    status.latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    status.certificate_not_after = connection.certificate().map(|c| c.not_after);
    status.certificate_serial = connection.certificate().map(|c| c.serial.clone());

    // What is refused here is unknown, no more: the member serves.
    let (mut for_members, mut for_hash) = (connection.client(), connection.client());
    let members = connection.call("member list", left(), for_members.member_list());
    let hash = async {
        match query.hash_at {
            None => None,
            Some(revision) => {
                let call = connection.call("hashkv", left(), for_hash.hash_kv(revision));
                call.await.ok().map(|answer| read_hash(&answer, revision))
            }
        }
    };
    let (members, hash) = tokio::join!(members, hash);
    status.members = members.ok().map(|answer| read_members(&answer));
    status.hash = hash;
    Ok(status)
}

fn read_status(answer: &StatusResponse) -> MemberStatus {
    let header = answer.header();
    let (alarms, errors) = answer
        .errors()
        .iter()
        .map(|text| read_alarm(text).ok_or_else(|| one_line(text)))
        .fold((Vec::new(), Vec::new()), |(mut yes, mut no), item| {
            match item {
                Ok(alarm) => yes.push(alarm),
                Err(text) => no.push(text),
            }
            (yes, no)
        });
    MemberStatus {
        cluster_id: header.map_or(0, |h| h.cluster_id()),
        member_id: header.map_or(0, |h| h.member_id()),
        version: one_line(answer.version()),
        leader: answer.leader(),
        raft_term: answer.raft_term(),
        raft_index: answer.raft_index(),
        raft_applied_index: answer.raft_applied_index(),
        db_size: answer.db_size(),
        db_size_in_use: answer.raft_used_db_size(),
        is_learner: answer.is_learner(),
        revision: header.map_or(0, |h| h.revision()),
        errors,
        alarms,
        ..MemberStatus::default()
    }
}

/// Status lists active alarms among its errors as protobuf's text, `memberID:10501334649042878790 alarm:NOSPACE `. They are taken
/// from there: the alarm call itself goes through raft, so it writes to the log and hangs without quorum.
fn read_alarm(text: &str) -> Option<Alarm> {
    let (id, kind) = text
        .trim()
        .strip_prefix("memberID:")?
        .split_once(" alarm:")?;
    Some(Alarm {
        member_id: id.trim().parse().ok()?,
        kind: kind.trim().to_owned(),
    })
}

fn read_members(answer: &MemberListResponse) -> Vec<Member> {
    let listed = answer.members().iter();
    listed
        .map(|m| Member {
            id: m.id(),
            name: m.name().to_owned(),
            peer_urls: m.peer_urls().to_vec(),
            client_urls: m.client_urls().to_vec(),
            is_learner: m.is_learner(),
        })
        .collect()
}

fn read_hash(answer: &HashKvResponse, asked: i64) -> HashKv {
    HashKv {
        hash: answer.hash(),
        revision: match asked {
            0 => answer.header().map_or(0, |h| h.revision()),
            revision => revision,
        },
        compact_revision: answer.compact_version(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_read_from_the_errors_of_status() {
        let alarm = read_alarm("memberID:10501334649042878790 alarm:NOSPACE ").unwrap();
        assert_eq!(alarm.member_id, 10_501_334_649_042_878_790);
        assert_eq!(alarm.kind, "NOSPACE");
        assert_eq!(read_alarm("etcdserver: no leader"), None);
        assert_eq!(read_alarm("memberID:x alarm:NOSPACE"), None);
    }
}
