//! `issue-certificates`, `rotate-authority`, `install-certificates`.

use std::path::{Path, PathBuf};

use runbook_model::action::{Access, Action, CertificateRequest, Rotation};
use runbook_model::facts::ProbeRequest;
use runbook_model::guard::listed;
use runbook_model::host::{MemberSpec, Scheme, peers_over_tls};
use runbook_model::plan::Change;
use runbook_pki::layout::Layout;
use runbook_pki::{Item, PkiError, Wanted, What};

use super::file::{Parcel, send};
use super::{Call, Draft, Site, Work, already, changes, digest_only};
use crate::error::{Fault, Outcome};
use crate::request::Digest;
use crate::{files, member};

/// Days that leaves are valid where nobody says otherwise.
const DAYS: u32 = 365;

/// Which certificates a member has: for clients, and for its peers.
#[derive(Clone, Copy)]
struct Uses {
    server: bool,
    peer: bool,
}

impl Uses {
    fn of(spec: &MemberSpec, members: &[MemberSpec]) -> Self {
        Self {
            server: spec.scheme == Scheme::Https,
            // One that is itself reached over http needs a certificate to reach others.
            peer: peers_over_tls(members),
        }
    }

    fn any(self) -> bool {
        self.server || self.peer
    }
}

/// Names and addresses of every member that speaks TLS.
fn requests(site: &Site<'_>) -> Vec<CertificateRequest> {
    let members = site.call.run.members;
    members
        .iter()
        .map(|m| (m, Uses::of(m, members)))
        .filter(|(_, uses)| uses.any())
        .map(|(m, uses)| {
            let (ips, dns) = addresses(site, m)
                .into_iter()
                .partition(|a| a.parse::<std::net::IpAddr>().is_ok());
            CertificateRequest {
                name: m.name.clone(),
                dns,
                ips,
                server: uses.server,
                peer: uses.peer,
            }
        })
        .collect()
}

/// The member's address, and the one where its peers still look for it: what is installed before it moves is served at both.
fn addresses(site: &Site<'_>, spec: &MemberSpec) -> Vec<String> {
    let listed = listed(&spec.host, site.view);
    let urls = listed.iter().flat_map(|m| &m.peer_urls);
    let former = urls.filter_map(|url| member::address_in(url));
    let mut all = vec![spec.address.clone()];
    for address in former {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// Where a run keeps what it replaces in a directory of this machine.
fn aside(dir: &str, run: &str) -> String {
    format!("{}.{run}", dir.trim_end_matches('/'))
}

/// Work of the control host, done once: it stands under the step's first host.
pub(super) fn issue(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    let members = requests(site);
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
    let renew_s = call.seconds("renew");
    let dir = &spec.control_pki_dir;
    let aside = aside(dir, call.run.id);
    let layout = Layout::new(dir);
    let wanted = Wanted {
        dir: Path::new(dir),
        cluster: call.run.cluster,
        members: &members,
        days,
        renew_s,
        aside: Some(Path::new(&aside)),
    };
    let planned = runbook_pki::plan(&wanted, call.run.now).map_err(|e| refused(dir, &e))?;
    let issuing = Issuing {
        // Another authority issues by then: all is issued again.
        anew: is_made(site, &layout.ca().key),
        planned,
        layout,
    };
    let former = issuing.files(|c| issuing.replaces(c));
    let makes = issuing.files(|c| c.what == What::Create || issuing.replaces(c));
    Ok(vec![Draft {
        summary: format!("issue certificates in {dir} on this machine"),
        change: issuing.change(),
        undo: put_back(dir, &aside, &former),
        action: Action::IssueCertificates {
            cluster: call.run.cluster.to_owned(),
            days,
            renew_s,
            makes: makes.iter().map(|p| p.display().to_string()).collect(),
            dir: dir.clone(),
            aside,
            members,
        },
    }]
    .into())
}

/// What is issued, and why.
struct Issuing {
    planned: Vec<runbook_pki::Change>,
    layout: Layout,
    anew: bool,
}

impl Issuing {
    fn replaces(&self, change: &runbook_pki::Change) -> bool {
        match change.what {
            What::Create => false,
            What::Keep { .. } => self.anew && change.item != Item::Ca,
            What::Reissue { .. } | What::Renew { .. } => true,
        }
    }

    fn files(&self, which: impl Fn(&runbook_pki::Change) -> bool) -> Vec<PathBuf> {
        let chosen = self.planned.iter().filter(|c| which(c));
        let pairs = chosen.map(|c| c.item.pair(&self.layout));
        pairs.flat_map(|pair| [pair.key, pair.cert]).collect()
    }

    fn change(&self) -> Change {
        if self.anew {
            return changes("issue every certificate again, by the new authority");
        }
        let news = self
            .planned
            .iter()
            .filter(|c| !matches!(c.what, What::Keep { .. }));
        let news: Vec<String> = news.map(ToString::to_string).collect();
        if news.is_empty() {
            already("all certificates are there")
        } else {
            changes(news.join(", "))
        }
    }
}

/// The same for its authority.
pub(super) fn rotate(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    let members = requests(site);
    if members.is_empty() {
        return Ok(Work::left_out(
            "there is no authority: the members speak plain HTTP".to_owned(),
        ));
    }
    if site.step_hosts.first() != Some(call.host) {
        return Ok(Work::default());
    }
    let to = match call.known("to")?.as_str() {
        "add" => Rotation::Add,
        "switch" => Rotation::Switch,
        _ => Rotation::Drop,
    };
    let dir = &spec.control_pki_dir;
    let aside = aside(dir, call.run.id);
    let layout = Layout::new(dir);
    let ca = layout.ca();
    let before = if to == Rotation::Switch {
        &ca.cert
    } else {
        &ca.key
    };
    let change = if to != Rotation::Add && is_made(site, before) {
        changes(match to {
            Rotation::Drop => "the new authority alone",
            _ => "the new authority issues from here on",
        })
    } else {
        let wanted = Wanted {
            dir: Path::new(dir),
            cluster: call.run.cluster,
            members: &members,
            days: DAYS,
            renew_s: None,
            aside: Some(Path::new(&aside)),
        };
        let told = runbook_pki::plan_rotation(&wanted, to, call.run.now);
        match told.map_err(|e| refused(dir, &e))? {
            Some(told) => changes(told),
            None => already("it is so already"),
        }
    };
    let undo = match (to, &change) {
        (_, Change::None { .. }) | (Rotation::Drop, _) => Vec::new(),
        (Rotation::Add, _) => put_back(dir, &aside, &[ca.cert, layout.next_key()]),
        (Rotation::Switch, _) => put_back(dir, &aside, &[ca.key]),
    };
    Ok(vec![Draft {
        summary: format!(
            "{} in {dir} on this machine",
            match to {
                Rotation::Add => "add an authority",
                Rotation::Switch => "switch to the new authority",
                Rotation::Drop => "drop the old authority",
            }
        ),
        change,
        undo,
        action: Action::RotateAuthority {
            dir: dir.clone(),
            cluster: call.run.cluster.to_owned(),
            members,
            to,
            aside,
        },
    }]
    .into())
}

fn refused(dir: &str, error: &PkiError) -> Fault {
    Fault::Pki {
        dir: dir.to_owned(),
        detail: error.to_string(),
        help: error.help(),
    }
}

fn is_made(site: &Site<'_>, path: &Path) -> bool {
    site.view.made.contains(&path.display().to_string())
}

/// Takes files back from where the run kept them.
fn put_back(dir: &str, aside: &str, files: &[PathBuf]) -> Vec<Action> {
    let names = files.iter().filter_map(|p| p.strip_prefix(dir).ok());
    let files: Vec<String> = names.map(|p| p.display().to_string()).collect();
    if files.is_empty() {
        return Vec::new();
    }
    vec![Action::ReinstateCertificates {
        dir: dir.to_owned(),
        aside: aside.to_owned(),
        files,
    }]
}

/// Where each file comes from and goes to, and who may read it.
fn parcels(spec: &MemberSpec, uses: Uses, owner: &str) -> Vec<(String, String, Access, bool)> {
    let layout = Layout::new(&spec.control_pki_dir);
    let (server, peer) = (layout.server(&spec.name), layout.peer(&spec.name));
    let key = || files::owned(0o600, owner);
    let open = || files::public(0o644);
    [
        (true, layout.ca().cert, "ca.crt", open(), false),
        (uses.server, server.cert, "server.crt", open(), false),
        (uses.server, server.key, "server.key", key(), true),
        (uses.peer, peer.cert, "peer.crt", open(), false),
        (uses.peer, peer.key, "peer.key", key(), true),
    ]
    .into_iter()
    .filter(|(used, ..)| *used)
    .map(|(_, from, name, access, secret)| {
        let dest = format!("{}/{name}", spec.pki_dir);
        (from.display().to_string(), dest, access, secret)
    })
    .collect()
}

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let spec = call.member()?;
    let uses = Uses::of(spec, call.run.members);
    if !uses.any() {
        return Ok(ProbeRequest::default());
    }
    Ok(ProbeRequest {
        dirs: vec![spec.pki_dir.clone()],
        files: parcels(spec, uses, &spec.user)
            .into_iter()
            .map(|(_, dest, ..)| digest_only(dest))
            .collect(),
        ..ProbeRequest::default()
    })
}

pub(super) fn install(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    let uses = Uses::of(spec, call.run.members);
    if !uses.any() {
        return Ok(Work::left_out(
            "no certificates are needed: the members speak plain HTTP".to_owned(),
        ));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for (source, dest, access, secret) in parcels(spec, uses, member::owner(spec, Some(site.facts)))
    {
        let digest = call.run.files.digest(&source).ok();
        // A file that this run is yet to issue has no digest: the world compares when it sends.
        let (digest, former) = if is_made(site, Path::new(&source)) {
            (None, digest)
        } else {
            (digest, None)
        };
        let undo = former.and_then(|d| former_content(site, (&source, &dest), &access, d));
        let mut more = send(
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
        if let (Some(undo), Some(sent)) = (undo, more.last_mut()) {
            sent.undo = vec![undo];
        }
        for draft in more {
            // The directory is the same for all of them.
            if !drafts.iter().any(|d| d.action == draft.action) {
                drafts.push(draft);
            }
        }
    }
    Ok(drafts.into())
}

/// What stands on the host is what stands here until the run replaces it, so the run keeps it: it can be sent again.
fn former_content(
    site: &Site<'_>,
    (source, dest): (&str, &str),
    access: &Access,
    former: Digest,
) -> Option<Action> {
    let call = &site.call;
    let found = site.facts.files.get(dest)?.sha256.as_ref()?;
    let dir = &call.member?.control_pki_dir;
    let name = Path::new(source).strip_prefix(dir).ok()?;
    let kept = Path::new(&aside(dir, call.run.id)).join(name);
    (*found == former.sha256).then(|| Action::Upload {
        source: kept.display().to_string(),
        dest: dest.to_owned(),
        sha256: Some(former.sha256),
        size: Some(former.size),
        access: access.clone(),
        secret: name.extension().is_some_and(|e| e == "key"),
    })
}
