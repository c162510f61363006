//! `issue-certificates`, `install-certificates`.

use std::path::Path;

use runbook_model::action::{Access, Action, CertificateRequest};
use runbook_model::facts::ProbeRequest;
use runbook_model::host::{MemberSpec, Scheme};
use runbook_pki::layout::Layout;
use runbook_pki::{Wanted, What};

use super::file::{Parcel, send};
use super::{Call, Draft, Site, Work, already, changes, digest_only};
use crate::error::{Fault, Outcome};
use crate::{files, member};

/// Days that leaves are valid where nobody says otherwise.
const DAYS: u32 = 365;

/// Names and addresses of every member that speaks TLS.
fn requests(members: &[MemberSpec]) -> Vec<CertificateRequest> {
    members
        .iter()
        .filter(|m| m.scheme == Scheme::Https)
        .map(|m| {
            let ip = m.address.parse::<std::net::IpAddr>().is_ok();
            CertificateRequest {
                name: m.name.clone(),
                dns: if ip {
                    Vec::new()
                } else {
                    vec![m.address.clone()]
                },
                ips: if ip {
                    vec![m.address.clone()]
                } else {
                    Vec::new()
                },
            }
        })
        .collect()
}

/// Work of the control host, done once: it stands under the step's first host.
pub(super) fn issue(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    let members = requests(call.run.members);
    if members.is_empty() {
        return Ok(Work::left_out(
            "no certificates are issued: the members speak plain HTTP".to_owned(),
        ));
    }
    if site.step_hosts.first() != Some(call.host) {
        return Ok(Work::default());
    }
    let days = call
        .int("days")
        .map_or(Some(DAYS), |days| u32::try_from(days).ok())
        .filter(|days| *days > 0)
        .ok_or_else(|| Fault::Expression {
            why: "certificates must be valid for at least a day".to_owned(),
        })?;
    let dir = &spec.control_pki_dir;
    let wanted = Wanted {
        dir: Path::new(dir),
        cluster: call.run.cluster,
        members: &members,
        days,
    };
    let planned = runbook_pki::plan(&wanted, call.run.now).map_err(|e| Fault::Pki {
        dir: dir.clone(),
        detail: e.to_string(),
        help: e.help(),
    })?;
    let news: Vec<String> = planned
        .iter()
        .filter(|c| !matches!(c.what, What::Keep { .. }))
        .map(ToString::to_string)
        .collect();
    let change = if news.is_empty() {
        already("all certificates are there")
    } else {
        changes(news.join(", "))
    };
    Ok(vec![Draft {
        summary: format!("issue certificates in {dir} on this machine"),
        action: Action::IssueCertificates {
            dir: dir.clone(),
            cluster: call.run.cluster.to_owned(),
            members,
            days,
        },
        change,
        undo: Vec::new(),
    }]
    .into())
}

/// Where each file comes from and goes to, and who may read it.
fn parcels(spec: &MemberSpec, owner: &str) -> Vec<(String, String, Access, bool)> {
    let layout = Layout::new(&spec.control_pki_dir);
    let (server, peer) = (layout.server(&spec.name), layout.peer(&spec.name));
    let key = || files::owned(0o600, owner);
    let open = || files::public(0o644);
    [
        (layout.ca().cert, "ca.crt", open(), false),
        (server.cert, "server.crt", open(), false),
        (server.key, "server.key", key(), true),
        (peer.cert, "peer.crt", open(), false),
        (peer.key, "peer.key", key(), true),
    ]
    .into_iter()
    .map(|(from, name, access, secret)| {
        let dest = format!("{}/{name}", spec.pki_dir);
        (from.display().to_string(), dest, access, secret)
    })
    .collect()
}

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let spec = call.member()?;
    if spec.scheme == Scheme::Http {
        return Ok(ProbeRequest::default());
    }
    Ok(ProbeRequest {
        dirs: vec![spec.pki_dir.clone()],
        files: parcels(spec, &spec.user)
            .into_iter()
            .map(|(_, dest, ..)| digest_only(dest))
            .collect(),
        ..ProbeRequest::default()
    })
}

pub(super) fn install(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    if spec.scheme == Scheme::Http {
        return Ok(Work::left_out(
            "no certificates are needed: the members speak plain HTTP".to_owned(),
        ));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for (source, dest, access, secret) in parcels(spec, member::owner(spec, Some(site.facts))) {
        // A file that this run is yet to issue has no digest: the world compares when it sends.
        let digest = call.run.files.digest(&source).ok();
        let more = send(
            site,
            Parcel {
                sha256: digest.as_ref().map(|d| d.sha256.clone()),
                size: digest.as_ref().map(|d| d.size),
                source,
                dest,
                access,
                secret,
            },
        );
        for draft in more {
            // The directory is the same for all of them.
            if !drafts.iter().any(|d| d.action == draft.action) {
                drafts.push(draft);
            }
        }
    }
    Ok(drafts.into())
}
