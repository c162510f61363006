//! `install etcd`, `user`.

use runbook_model::action::Action;
use runbook_model::facts::{HostFacts, ProbeRequest};
use runbook_model::guard::Guard;
use runbook_model::host::{Install, MemberSpec, ServiceManager};
use runbook_model::plan::Change;

use super::file::{Parcel, send, take_away};
use super::{Call, Draft, Site, Work, already, changes, digest_only};
use crate::error::{Fault, Outcome, shown};
use crate::files;
use crate::member::UNPACKED;

/// The distribution's packages.
const PACKAGES: [&str; 2] = ["etcd-server", "etcd-client"];

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let spec = call.member()?;
    let mut request = ProbeRequest {
        tools: true,
        bin_dirs: spec.bin_dir.iter().cloned().collect(),
        ..ProbeRequest::default()
    };
    match &spec.install {
        Install::Present => {}
        Install::Package { .. } => {
            request.packages = PACKAGES.iter().map(|p| (*p).to_owned()).collect();
        }
        Install::Archive { .. } => {
            request.bin_dirs = vec![bin_dir(spec)];
            request.dirs = vec![call.scratch()];
            request.files = vec![digest_only(archive_on_host(call))];
        }
    }
    Ok(request)
}

fn bin_dir(spec: &MemberSpec) -> String {
    spec.bin_dir.clone().unwrap_or_else(|| UNPACKED.to_owned())
}

fn archive_on_host(call: &Call<'_>) -> String {
    format!("{}/etcd.tar.gz", call.scratch())
}

pub(super) fn work(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    match &spec.install {
        Install::Present => Ok(Work {
            requires: vec![Guard::ToolsPresent {
                members: vec![spec.host.clone()],
                tools: vec!["etcd".to_owned()],
            }],
            notes: vec![
                "nothing is installed: the inventory says that etcd is there (etcd_install=present)"
                    .to_owned(),
            ],
            ..Work::default()
        }),
        Install::Package { version } => Ok(vec![packages(site.facts, version.as_deref())].into()),
        Install::Archive { path, sha256 } => archive(site, spec, path, sha256),
    }
}

fn packages(facts: &HostFacts, version: Option<&str>) -> Draft {
    let mut missing = Vec::new();
    let mut unseen = false;
    for package in PACKAGES {
        match facts.packages.get(package) {
            None => unseen = true,
            Some(None) => missing.push(format!(
                "{package} absent -> {}",
                version.unwrap_or("installed")
            )),
            Some(Some(found)) => {
                if let Some(wanted) = version
                    && wanted != found
                {
                    missing.push(format!("{package} {found} -> {wanted}"));
                }
            }
        }
    }
    let change = if unseen {
        Change::Unknown {
            why: "the packages were not looked at".to_owned(),
        }
    } else if missing.is_empty() {
        already("installed")
    } else {
        changes(missing.join(", "))
    };
    Draft {
        action: Action::InstallPackages {
            packages: PACKAGES
                .iter()
                .map(|p| ((*p).to_owned(), version.map(str::to_owned)))
                .collect(),
        },
        summary: format!("install packages {}", PACKAGES.join(", ")),
        change,
        undo: Vec::new(),
    }
}

/// The archive goes to the host, is unpacked, and is taken away; all of it left out where its version stands there.
fn archive(site: &Site<'_>, spec: &MemberSpec, path: &str, sha256: &str) -> Outcome<Work> {
    let call = &site.call;
    let dir = bin_dir(spec);
    let dest = archive_on_host(call);
    let unpack = |change| Draft {
        action: Action::InstallArchive {
            archive: dest.clone(),
            sha256: sha256.to_owned(),
            bin_dir: dir.clone(),
        },
        summary: format!("unpack etcd into {dir}"),
        change,
        undo: Vec::new(),
    };
    let standing = site
        .facts
        .tools
        .iter()
        .find(|t| t.name == "etcd" && t.path == format!("{dir}/etcd"));
    let wanted = version_in(path);
    if let (Some(found), Some(wanted)) = (standing, &wanted)
        && found.version == *wanted
    {
        return Ok(vec![unpack(already(format!("etcd {}", found.version)))].into());
    }
    let digest = call
        .run
        .files
        .digest(path)
        .map_err(|detail| Fault::LocalFile {
            path: path.to_owned(),
            detail,
        })?;
    if digest.sha256 != sha256 {
        return Err(Fault::LocalFile {
            path: path.to_owned(),
            detail: format!(
                "its SHA-256 is {}, the inventory says {}",
                digest.sha256,
                shown(sha256)
            ),
        }
        .into());
    }
    let mut drafts = send(
        site,
        Parcel {
            source: path.to_owned(),
            dest: dest.clone(),
            sha256: Some(sha256.to_owned()),
            size: Some(digest.size),
            access: files::public(0o600),
            secret: false,
        },
    );
    let from = standing.map_or("absent", |t| t.version.as_str());
    let to = wanted.as_deref().unwrap_or("the archive's");
    drafts.push(unpack(changes(format!("etcd {from} -> {to}"))));
    let mut gone = take_away(site, &dest)?;
    for draft in &mut gone {
        draft.change = changes("present -> absent");
    }
    drafts.extend(gone);
    Ok(drafts.into())
}

/// Version in the name of a release archive: `etcd-v3.5.16-linux-amd64.tar.gz`.
fn version_in(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let rest = name.strip_prefix("etcd-v")?;
    let version = rest.split('-').next()?;
    (version.split('.').count() == 3).then(|| version.to_owned())
}

pub(super) fn user_needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    Ok(ProbeRequest {
        users: user_name(call)?.into_iter().collect(),
        ..ProbeRequest::default()
    })
}

/// `user etcd` means the member's user, whatever its name.
fn user_name(call: &Call<'_>) -> Outcome<Option<String>> {
    let name = call.text("name")?;
    Ok(match (call.member, name) {
        (Some(spec), Some(name)) if name == "etcd" => Some(spec.user.clone()),
        (_, name) => name,
    })
}

pub(super) fn user(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    if let Some(spec) = call.member
        && spec.manager == ServiceManager::Process
    {
        return Ok(Work::left_out(format!(
            "no user is made: etcd runs as a plain process of `{}`",
            crate::member::owner(spec, Some(site.facts))
        )));
    }
    let name = user_name(call)?.unwrap_or_default();
    let fine = !name.is_empty()
        && name.len() <= 32
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !fine {
        return Err(Fault::UnsafeValue {
            what: "the user".to_owned(),
            host: call.host.to_string(),
            why: "is no user's name".to_owned(),
            value: shown(&name),
        }
        .into());
    }
    let home = match (call.text("home")?, call.member) {
        (Some(home), _) => home,
        (None, Some(spec)) => spec.data_dir.clone(),
        (None, None) => "/nonexistent".to_owned(),
    };
    crate::paths::absolute(&home)?;
    let change = match site.facts.users.get(&name) {
        None => Change::Unknown {
            why: "the user was not looked at".to_owned(),
        },
        Some(true) => already("it exists"),
        Some(false) => changes("absent -> system user"),
    };
    Ok(vec![Draft {
        summary: format!("make user {name}"),
        action: Action::User { name, home },
        change,
        undo: Vec::new(),
    }]
    .into())
}
