//! `directory`, `template`, `upload`, `remove-upload`.

use runbook_model::action::{Access, Action};
use runbook_model::facts::{FileFacts, FileKind, ProbeRequest};
use runbook_model::host::ServiceManager;
use runbook_model::plan::Change;
use runbook_model::units;

use super::{Call, Draft, Site, Work, already, changes, digest_only, with_content};
use crate::error::{Fault, Outcome, shown};
use crate::{context, files, paths, template};

/// Directories whose files systemd reads.
const UNIT_DIRS: &[&str] = &[
    "/etc/systemd/system/",
    "/run/systemd/system/",
    "/usr/lib/systemd/system/",
    "/lib/systemd/system/",
];

fn access(call: &Call<'_>, mode: u32) -> Outcome<Access> {
    Ok(Access {
        mode: call.mode(mode)?,
        owner: call.text("owner")?,
        group: None,
    })
}

pub(super) fn directory_needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    Ok(ProbeRequest {
        dirs: call.text("path")?.into_iter().collect(),
        ..ProbeRequest::default()
    })
}

pub(super) fn directory(site: &Site<'_>) -> Outcome<Work> {
    let path = site.call.known("path")?;
    paths::absolute(&path)?;
    let access = access(&site.call, 0o755)?;
    Ok(vec![files::directory(site.facts, &path, access)].into())
}

pub(super) fn template_needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let Some(dest) = call.text("dest")? else {
        return Ok(ProbeRequest::default());
    };
    paths::absolute(&dest)?;
    Ok(ProbeRequest {
        dirs: vec![paths::parent(&dest).to_owned()],
        files: vec![with_content(dest)],
        ..ProbeRequest::default()
    })
}

pub(super) fn template(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let name = call.known("template")?;
    let dest = call.known("dest")?;
    paths::absolute(&dest)?;
    let plain_process = call
        .member
        .is_some_and(|m| m.manager == ServiceManager::Process);
    if is_unit(&dest) && plain_process {
        return Ok(Work::left_out(format!(
            "{dest} is not written: etcd runs as a plain process, without systemd"
        )));
    }
    let text = template::find(call.run.checked, &name)?;
    let given = context::of(site)?;
    let content = template::render(
        &name,
        text,
        call.host.as_str(),
        &given.values,
        &given.secrets,
    )?;
    put(site, &dest, content, access(call, 0o644)?).map(Work::from)
}

/// Writes a file, its directory before it where that is missing; systemd reads its units again where one changes.
pub(super) fn put(
    site: &Site<'_>,
    dest: &str,
    content: String,
    access: Access,
) -> Outcome<Vec<Draft>> {
    if let Some(found) = site.facts.files.get(dest)
        && matches!(found.kind, FileKind::Dir | FileKind::Other)
    {
        return Err(Fault::Expression {
            why: format!(
                "{} on `{}` is no file: it cannot be written",
                shown(dest),
                site.call.host
            ),
        }
        .into());
    }
    let mut drafts: Vec<Draft> =
        files::missing_directory(site.facts, paths::parent(dest), files::public(0o755))
            .into_iter()
            .collect();
    let mut file = files::write(site.facts, dest, content, access);
    let unit_changes = is_unit(dest) && !matches!(file.change, Change::None { .. });
    if unit_changes && !file.undo.is_empty() {
        file.undo.push(Action::DaemonReload);
    }
    drafts.push(file);
    if unit_changes {
        drafts.push(Draft {
            action: Action::DaemonReload,
            summary: "let systemd read its unit files again".to_owned(),
            change: changes(format!("{dest} in force")),
            undo: Vec::new(),
        });
    }
    Ok(drafts)
}

fn is_unit(path: &str) -> bool {
    UNIT_DIRS.iter().any(|dir| path.starts_with(dir))
}

pub(super) fn upload_needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let Some(dest) = call.text("dest")? else {
        return Ok(ProbeRequest::default());
    };
    paths::absolute(&dest)?;
    Ok(ProbeRequest {
        dirs: vec![paths::parent(&dest).to_owned()],
        files: vec![digest_only(dest)],
        ..ProbeRequest::default()
    })
}

/// A file of this machine on its way to a host.
pub(super) struct Parcel {
    pub(super) source: String,
    pub(super) dest: String,
    /// None: not known before the run.
    pub(super) sha256: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) access: Access,
    pub(super) secret: bool,
}

pub(super) fn upload(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let source = call.known("source")?;
    let dest = call.known("dest")?;
    paths::absolute(&dest)?;
    let (sha256, size) = source_digest(site, &source)?;
    let parcel = Parcel {
        access: access(call, 0o644)?,
        secret: false,
        source,
        dest,
        sha256,
        size,
    };
    Ok(send(site, parcel).into())
}

/// Digest and size of a file on this machine: from the snapshot reader where it looked at the file, else read now.
fn source_digest(site: &Site<'_>, path: &str) -> Outcome<(Option<String>, Option<u64>)> {
    if let Some(found) = site.view.snapshots.get(path) {
        // An unreadable file has no digest; `snapshot-verified` tells why.
        return Ok(if found.sha256.is_empty() {
            (None, None)
        } else {
            (Some(found.sha256.clone()), Some(found.size))
        });
    }
    if site.view.made.contains(path) {
        return Ok((None, None));
    }
    let digest = site
        .call
        .run
        .files
        .digest(path)
        .map_err(|detail| Fault::LocalFile {
            path: path.to_owned(),
            detail,
        })?;
    Ok((Some(digest.sha256), Some(digest.size)))
}

/// Streams a file to the host, its directory before it where that is missing.
pub(super) fn send(site: &Site<'_>, parcel: Parcel) -> Vec<Draft> {
    let found = site.facts.files.get(&parcel.dest);
    let absent = found.is_some_and(|f| f.kind == FileKind::Absent);
    let change = sent(found, &parcel);
    let undo = if absent {
        vec![Action::RemoveCreated {
            path: parcel.dest.clone(),
            directory: false,
        }]
    } else {
        Vec::new()
    };
    // A directory that carries the run's id is the run's own; nobody else needs to look into it.
    let dir = paths::parent(&parcel.dest);
    let dir_mode = if dir.contains(site.call.run.id) {
        0o700
    } else {
        0o755
    };
    let mut drafts: Vec<Draft> = files::missing_directory(site.facts, dir, files::public(dir_mode))
        .into_iter()
        .collect();
    drafts.push(Draft {
        summary: format!("upload {} to {}", parcel.source, parcel.dest),
        change,
        undo,
        action: Action::Upload {
            source: parcel.source,
            dest: parcel.dest,
            sha256: parcel.sha256,
            size: parcel.size,
            access: parcel.access,
            secret: parcel.secret,
        },
    });
    drafts
}

fn sent(found: Option<&FileFacts>, parcel: &Parcel) -> Change {
    let Some(found) = found else {
        return Change::Unknown {
            why: "the file was not looked at".to_owned(),
        };
    };
    let size = units::bytes(parcel.size.unwrap_or(0));
    match (&parcel.sha256, found.kind) {
        (None, FileKind::Absent) => changes("absent -> present"),
        (None, _) => Change::Unknown {
            why: format!("the content of `{}` is known in the run", parcel.source),
        },
        (Some(_), FileKind::Absent) => changes(format!("absent -> {size}")),
        (Some(wanted), _) if found.sha256.as_ref() == Some(wanted) => {
            let parts = files::access_change(found.mode, &found.owner, &parcel.access);
            if parts.is_empty() {
                already("the same content")
            } else {
                changes(parts.join(", "))
            }
        }
        (Some(_), _) => changes(format!("{} -> {size}", units::bytes(found.size))),
    }
}

pub(super) fn remove_needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let Some(path) = call.text("path")? else {
        return Ok(ProbeRequest::default());
    };
    Ok(ProbeRequest {
        dirs: vec![paths::parent(&path).to_owned()],
        files: vec![digest_only(path)],
        ..ProbeRequest::default()
    })
}

pub(super) fn remove(site: &Site<'_>) -> Outcome<Work> {
    let path = site.call.known("path")?;
    Ok(take_away(site, &path)?.into())
}

/// Takes an uploaded file away, and its directory, which must be the run's own.
pub(super) fn take_away(site: &Site<'_>, path: &str) -> Outcome<Vec<Draft>> {
    paths::absolute(path)?;
    let dir = paths::parent(path);
    let own = dir
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains(site.call.run.id));
    if !own {
        return Err(Fault::UnsafePath {
            path: shown(path),
            why: "does not stand in a directory that names the run: only such a file is removed",
        }
        .into());
    }
    let gone = |there: bool| {
        if there {
            changes("present -> absent")
        } else {
            already("it is not there")
        }
    };
    let file = site
        .facts
        .files
        .get(path)
        .is_some_and(|f| f.kind != FileKind::Absent);
    let there = site.facts.dirs.get(dir).is_some_and(|d| d.exists);
    Ok(vec![
        Draft {
            summary: format!("remove {path}"),
            action: Action::RemoveUpload {
                path: path.to_owned(),
            },
            change: gone(file),
            undo: Vec::new(),
        },
        Draft {
            summary: format!("remove directory {dir}"),
            action: Action::RemoveCreated {
                path: dir.to_owned(),
                directory: true,
            },
            change: gone(there),
            undo: Vec::new(),
        },
    ])
}
