//! Where a member's peers reach it and how it reaches them, as its environment file says it; `trust-peers`.

use runbook_model::cluster::Member;
use runbook_model::facts::{FileKind, ProbeRequest};
use runbook_model::guard::listed;
use runbook_model::host::{MemberSpec, Scheme, peers_over_tls};

use super::file::put;
use super::{Call, Site, Work, with_content};
use crate::error::{Fault, Outcome, shown};
use crate::{envfile, files, member};

/// Names the authority that a member's peers are of; without it a member takes no peer's certificate.
const TRUSTED: &str = "ETCD_PEER_TRUSTED_CA_FILE";

/// What the environment file says of the peers.
pub(super) struct Peers {
    /// Where others reach the member.
    pub(super) url: String,
    /// Where it listens for them.
    pub(super) listen: String,
    /// It has a peer certificate, and trusts those of its authority.
    pub(super) tls: bool,
    /// The inventory says another URL than the cluster lists.
    pub(super) stays: bool,
}

/// A listed member listens where the others dial it: a member that is reached elsewhere is lost to them until they are told.
pub(super) fn of(site: &Site<'_>, spec: &MemberSpec, state: &str) -> Outcome<Peers> {
    let found = listed(&spec.host, site.view).filter(|_| state == "existing");
    let as_listed = found
        .filter(|m| !m.peer_urls.contains(&spec.peer_url()))
        .and_then(where_listed);
    let stays = as_listed.is_some();
    let (url, (listen, scheme)) = as_listed.unwrap_or_else(|| {
        let url = spec.peer_url();
        let listens = member::listens_for(&url);
        let listens = listens.unwrap_or_else(|| (url.clone(), spec.peer_scheme()));
        (url, listens)
    });
    let members = site.call.run.members;
    let tls = match found {
        None => peers_over_tls(members),
        // Its certificate may not be on the host yet; once the file names it, it is needed while anybody is reached over https.
        Some(_) => {
            let anybody = peers_over_tls(members) || any_listed_over_tls(site);
            scheme == Scheme::Https || anybody && names_authority(site, spec)
        }
    };
    if tls && lacks_certificate(site, spec) {
        return Err(Fault::Expression {
            why: format!(
                "`{}` would be reached over https, and has no peer certificate yet: member-update.etcdrb brings it to the members of a living cluster; until then say `etcd_peer_scheme=http`",
                spec.name
            ),
        }
        .into());
    }
    Ok(Peers {
        url,
        listen,
        tls,
        stays,
    })
}

/// A member that ran without one so far, and gets none in this run: it would not start any more.
fn lacks_certificate(site: &Site<'_>, spec: &MemberSpec) -> bool {
    let certificate = site.facts.files.get(&format!("{}/peer.crt", spec.pki_dir));
    let there = certificate.is_some_and(|f| f.kind == FileKind::File);
    let ran = standing(site, spec).is_some_and(|text| envfile::get(text, "ETCD_NAME").is_some());
    ran && !there && !names_authority(site, spec)
}

fn where_listed(member: &Member) -> Option<(String, (String, Scheme))> {
    let urls = member.peer_urls.iter();
    let mut urls = urls.filter_map(|url| Some((url.clone(), member::listens_for(url)?)));
    urls.next()
}

fn listed_urls<'a>(site: &Site<'a>) -> impl Iterator<Item = &'a String> {
    let members = site.view.cluster.membership().unwrap_or_default();
    members.iter().flat_map(|m| &m.peer_urls)
}

fn any_listed_over_tls(site: &Site<'_>) -> bool {
    listed_urls(site).any(|url| url.starts_with("https://"))
}

fn all_listed_over_tls(site: &Site<'_>) -> bool {
    let mut urls = listed_urls(site).peekable();
    urls.peek().is_some() && urls.all(|url| url.starts_with("https://"))
}

/// The environment file as it stands, or as the run will have left it.
fn standing<'a>(site: &Site<'a>, spec: &MemberSpec) -> Option<&'a str> {
    let file = site.facts.files.get(&spec.config)?;
    file.content
        .as_deref()
        .filter(|_| file.kind == FileKind::File)
}

fn names_authority(site: &Site<'_>, spec: &MemberSpec) -> bool {
    standing(site, spec).is_some_and(|text| envfile::get(text, TRUSTED).is_some())
}

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    Ok(ProbeRequest {
        files: vec![with_content(call.member()?.config.clone())],
        ..ProbeRequest::default()
    })
}

/// `trust-peers`.
pub(super) fn trust(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    // All are reached as they will be: nothing is worth a word where an address or a port moves.
    if !peers_over_tls(site.call.run.members) || all_listed_over_tls(site) {
        return Ok(Work::default());
    }
    let Some(text) = standing(site, spec) else {
        return Err(Fault::Expression {
            why: format!(
                "{} on `{}` is not there or cannot be read: `configure member` writes it",
                shown(&spec.config),
                site.call.host
            ),
        }
        .into());
    };
    let mut content = text.to_owned();
    // Other paths are somebody's choice.
    if !names_authority(site, spec) {
        if !content.ends_with('\n') && !content.is_empty() {
            content.push('\n');
        }
        content += &lines(spec);
    }
    put(site, &spec.config, content, files::public(0o644)).map(Work::from)
}

fn lines(spec: &MemberSpec) -> String {
    let dir = &spec.pki_dir;
    format!(
        "ETCD_PEER_CLIENT_CERT_AUTH=true\n{TRUSTED}={dir}/ca.crt\nETCD_PEER_CERT_FILE={dir}/peer.crt\nETCD_PEER_KEY_FILE={dir}/peer.key\n"
    )
}
