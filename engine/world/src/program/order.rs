//! Compiles an order's actions.

use runbook_model::action::{Access, Action, ProcessSpec, ServiceState};
use runbook_model::host::ServiceManager;
use sha2::{Digest, Sha256};

use super::names::{BadValue, name, path};
use super::rehearse::rehearse;
use super::{Context, LOCK, PRELUDE, whole};
use crate::quote::{NulByte, word, words};

const ACTION: &str = include_str!("sh/action.sh");
const OUTER: &str = include_str!("sh/outer.sh");
const LAUNCH: &str = include_str!("sh/launch.sh");
const FILES: &str = include_str!("sh/files.sh");
const SYSTEM: &str = include_str!("sh/system.sh");
const SERVICE: &str = include_str!("sh/service.sh");
const DATA_DIR: &str = include_str!("sh/data_dir.sh");
const REHEARSE: &str = include_str!("sh/rehearse.sh");
const STATIC_POD: &str = include_str!("sh/static_pod.sh");
const MEASURE: &str = include_str!("sh/measure.sh");
const SHELL: &str = include_str!("sh/shell.sh");
const UPLOAD: &str = include_str!("sh/upload.sh");
const RUNNING: &str = include_str!("sh/running.sh");
const RECEIPT: &str = include_str!("sh/receipt.sh");

/// Files up to this many bytes are sent without asking whether they are wanted: an answer would take longer.
pub const SMALL_UPLOAD: u64 = 64 * 1024;

/// Actions of an order that are carried out together; indices into the order's actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// One detached program.
    Detached(std::ops::Range<usize>),
    /// One stream of files, and the directories before them.
    Uploads(std::ops::Range<usize>),
    /// Work on the control host.
    Control(usize),
}

/// Cuts an order into its parts, in order.
pub fn parts(actions: &[Action]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (at, action) in actions.iter().enumerate() {
        match (action, parts.last_mut()) {
            (action, _) if is_control(action) => parts.push(Part::Control(at)),
            (Action::Upload { .. }, Some(Part::Uploads(range))) => range.end = at + 1,
            (Action::Upload { .. }, Some(part)) if only_directories(part, actions) => {
                if let Part::Detached(range) = part {
                    *part = Part::Uploads(range.start..at + 1);
                }
            }
            (Action::Upload { .. }, _) => parts.push(Part::Uploads(at..at + 1)),
            (_, Some(Part::Detached(range))) => range.end = at + 1,
            (_, _) => parts.push(Part::Detached(at..at + 1)),
        }
    }
    parts
}

/// Work that no program on the host does.
const fn is_control(action: &Action) -> bool {
    matches!(
        action,
        Action::IssueCertificates { .. }
            | Action::RotateAuthority { .. }
            | Action::ReinstateCertificates { .. }
            | Action::SaveSnapshot { .. }
            | Action::ChangeCluster { .. }
    )
}

/// Making a directory for files is no reason for a round trip of its own.
fn only_directories(part: &Part, actions: &[Action]) -> bool {
    let Part::Detached(range) = part else {
        return false;
    };
    let mut made = actions[range.clone()].iter();
    made.all(|action| matches!(action, Action::Directory { .. }))
}

/// Refuses an order before anything of it is sent.
///
/// # Errors
/// The index of the first action that carries a value that none may carry, and which.
pub fn check(actions: &[Action]) -> Result<(), (usize, BadValue)> {
    for (at, action) in actions.iter().enumerate() {
        let checked = match action {
            action if is_control(action) => Ok(()),
            Action::Upload { dest, access, .. } => path(dest)
                .and_then(|_| access_words(access, "644"))
                .map(|_| ()),
            other => compile(other).map(|_| ()),
        };
        checked.map_err(|e| (at, e))?;
    }
    Ok(())
}

/// A part of an order by the name of its receipt, and what it waits for before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What is the same for the same work, and only then.
    pub name: String,
    /// Of an undo: the step whose forward order must have ended, and for how many milliseconds that is waited for.
    pub after: Option<(usize, u64)>,
}

impl Key {
    fn assignments(&self) -> Result<String, NulByte> {
        let (step, wait) = match self.after {
            Some((step, ms)) => (step.to_string(), ms / 100),
            None => (String::new(), 0),
        };
        let key = word(&self.name)?;
        Ok(format!("KEY={key}\nSTEP={step}\nWAIT={wait}\n"))
    }
}

/// A program that tells what became of a part, and does nothing.
///
/// # Errors
/// A NUL byte in the data.
pub fn receipt(context: &Context<'_>, key: &Key) -> Result<String, NulByte> {
    let assignments = context.assignments()?;
    let key = key.assignments()?;
    Ok(whole(&format!(
        "{PRELUDE}{RUNNING}{RECEIPT}{assignments}{key}receipt"
    )))
}

/// A program that carries out the actions detached, within the limit, once for the receipt's key.
///
/// # Errors
/// The index of the action that carries a value that none may carry, and which.
pub fn detached(
    context: &Context<'_>,
    key: &Key,
    actions: &[(usize, &Action)],
    limit_ms: u64,
) -> Result<String, (usize, BadValue)> {
    let first = actions.first().map_or(0, |(at, _)| *at);
    let assignments = context.assignments().map_err(|e| (first, e.into()))?;
    let key = key.assignments().map_err(|e| (first, e.into()))?;
    let mut needed: Vec<&str> = Vec::new();
    let (mut bodies, mut calls) = (String::new(), String::new());
    // Paths of the files that are written together.
    let mut together = Vec::new();
    for (at, action) in actions {
        let (sources, body) = compile(action).map_err(|e| (*at, e))?;
        let file = written(action);
        for source in sources {
            if !needed.contains(&source) {
                needed.push(source);
            }
        }
        if file.is_none() {
            bodies.push_str(&format!("a{at}() {{\n{body}\n}}\n"));
            calls.push_str(&format!("\nrun {at} a{at}"));
        } else {
            bodies.push_str(&format!("f{at}() {{\n{body}\n}}\n"));
            // A file that is written twice is looked at twice.
            if together.is_empty() || together.contains(&file) {
                together.clear();
                calls.push_str("\nwrite_files");
            }
            calls.push_str(&format!(" {at}"));
        }
        match file {
            Some(_) => together.push(file),
            None => together.clear(),
        }
    }
    let limit = format!("{}.{:03}", limit_ms / 1000, limit_ms % 1000);
    let program = format!(
        "{PRELUDE}{assignments}LIMIT={limit}\n{OUTER}{ACTION}{}{bodies}case $1 in\nouter) outer ;;\ninner){calls}\nsettle\nframe stopped\n;;\nesac\n",
        needed.concat()
    );
    let program = word(&program).map_err(|e| (first, e.into()))?;
    Ok(whole(&format!(
        "{PRELUDE}{LOCK}{RUNNING}{LAUNCH}{assignments}{key}PROGRAM={program}\nlaunch"
    )))
}

/// One action as the body of a shell function, and the sources it calls.
fn compile(action: &Action) -> Result<(Vec<&'static str>, String), BadValue> {
    Ok(match action {
        Action::User { .. }
        | Action::InstallPackages { .. }
        | Action::InstallArchive { .. }
        | Action::DaemonReload => (vec![FILES, SYSTEM], system(action)?),
        Action::Directory { .. }
        | Action::WriteFile { .. }
        | Action::RemoveUpload { .. }
        | Action::RemoveCreated { .. } => (vec![FILES], file(action)?),
        Action::Service {
            unit,
            manager,
            process,
            state,
            enabled,
            wait_s,
        } => {
            let body = service(unit, *manager, process.as_ref(), *state, *enabled, *wait_s)?;
            (vec![FILES, SERVICE], body)
        }
        Action::ArchiveDataDir { data_dir, aside } => (
            vec![DATA_DIR],
            call("archive", [path(data_dir)?, path(aside)?])?,
        ),
        Action::ReinstateDataDir {
            data_dir,
            aside,
            failed,
        } => (
            vec![DATA_DIR],
            call("reinstate", [path(data_dir)?, path(aside)?, path(failed)?])?,
        ),
        Action::TrialRestore { .. } | Action::RestoreDataDir { .. } => {
            (vec![FILES, DATA_DIR], restore(action)?)
        }
        Action::RehearseMember { dir, part } => {
            (vec![FILES, DATA_DIR, REHEARSE], rehearse(dir, part)?)
        }
        Action::StaticPod { .. } => (vec![STATIC_POD], static_pod(action)?),
        Action::MeasureDisk { data_dir } => {
            (vec![MEASURE], call("measure_disk", [path(data_dir)?])?)
        }
        Action::Shell {
            script,
            env,
            creates,
            read_only,
        } => (
            vec![SHELL],
            shell(script, env, creates.as_deref(), *read_only)?,
        ),
        // INVARIANT: `parts` gives these to the other two ways.
        Action::Upload { .. }
        | Action::IssueCertificates { .. }
        | Action::RotateAuthority { .. }
        | Action::ReinstateCertificates { .. }
        | Action::SaveSnapshot { .. }
        | Action::ChangeCluster { .. } => {
            unreachable!("not an action of a detached program")
        }
    })
}

/// The file that an action writes together with those beside it.
fn written(action: &Action) -> Option<String> {
    match action {
        Action::WriteFile { path: file, .. } => path(file).ok(),
        _ => None,
    }
}

fn call(function: &str, arguments: impl IntoIterator<Item = String>) -> Result<String, BadValue> {
    Ok(format!("{function} {}", words(arguments)?))
}

fn system(action: &Action) -> Result<String, BadValue> {
    match action {
        Action::User { name: user, home } => {
            call("user", [name("user", user)?.to_owned(), path(home)?])
        }
        Action::InstallPackages { packages } => {
            let mut arguments = Vec::new();
            for (package, version) in packages {
                arguments.push(name("package", package)?.to_owned());
                arguments.push(match version {
                    Some(version) => name("package version", version)?.to_owned(),
                    None => String::new(),
                });
            }
            call("install_packages", arguments)
        }
        Action::InstallArchive {
            archive,
            sha256,
            bin_dir,
        } => call(
            "install_archive",
            [
                path(archive)?,
                name("SHA-256", sha256)?.to_owned(),
                path(bin_dir)?,
            ],
        ),
        Action::DaemonReload => Ok("daemon_reload".to_owned()),
        // INVARIANT: `compile` calls this with these four only.
        _ => unreachable!("not of the system"),
    }
}

fn file(action: &Action) -> Result<String, BadValue> {
    match action {
        Action::Directory { path: dir, access } => call(
            "directory",
            std::iter::once(path(dir)?).chain(access_words(access, "755")?),
        ),
        Action::WriteFile {
            path: file,
            content,
            access,
        } => {
            let digest = hex::encode(Sha256::digest(content.as_bytes()));
            let access = access_words(access, "644")?;
            call(
                "\"$1\"",
                [path(file)?, digest, content.len().to_string()]
                    .into_iter()
                    .chain(access)
                    .chain([content.clone()]),
            )
        }
        Action::RemoveUpload { path: file } => call("remove_upload", [path(file)?]),
        Action::RemoveCreated {
            path: made,
            directory,
        } => {
            let is_directory = if *directory { "yes" } else { "" };
            call("remove_created", [path(made)?, is_directory.to_owned()])
        }
        // INVARIANT: `compile` calls this with these four only.
        _ => unreachable!("not a file"),
    }
}

/// Mode, owner, group; a mode of zero is the usual one.
fn access_words(access: &Access, usual: &str) -> Result<[String; 3], BadValue> {
    let checked = |who: &Option<String>| match who {
        Some(who) => name("owner", who).map(str::to_owned),
        None => Ok(String::new()),
    };
    let mode = if access.mode == 0 {
        usual.to_owned()
    } else {
        format!("{:o}", access.mode & 0o7777)
    };
    Ok([mode, checked(&access.owner)?, checked(&access.group)?])
}

fn service(
    unit: &str,
    manager: ServiceManager,
    process: Option<&ProcessSpec>,
    state: ServiceState,
    enabled: Option<bool>,
    wait_s: u64,
) -> Result<String, BadValue> {
    let unit = name("unit", unit)?;
    let state = match state {
        ServiceState::Running => "running",
        ServiceState::Stopped => "stopped",
        ServiceState::Restarted => "restarted",
    };
    let wait = wait_s.max(1).to_string();
    match manager {
        ServiceManager::Systemd => {
            let enabled = enabled.map_or("", |e| if e { "yes" } else { "no" });
            Ok(format!(
                "service_systemd {}",
                words([unit, state, enabled, wait.as_str()])?
            ))
        }
        ServiceManager::Process => {
            let Some(ProcessSpec {
                binary,
                config,
                run_dir,
            }) = process
            else {
                return Err(BadValue::NoProcess(unit.to_owned()));
            };
            let (binary, config, run_dir) = (path(binary)?, path(config)?, path(run_dir)?);
            Ok(format!(
                "service_process {}",
                words([unit, state, &wait, &binary, &config, &run_dir])?
            ))
        }
    }
}

fn static_pod(action: &Action) -> Result<String, BadValue> {
    match action {
        Action::StaticPod {
            name: pod,
            manifest,
            aside,
            state,
            wait_s,
        } => {
            let function = match state {
                ServiceState::Stopped => "pod_stopped",
                ServiceState::Running | ServiceState::Restarted => "pod_running",
            };
            let (pod, wait) = (name("pod", pod)?.to_owned(), (*wait_s).max(1).to_string());
            call(function, [pod, path(manifest)?, path(aside)?, wait])
        }
        // INVARIANT: `compile` calls this with this one only.
        _ => unreachable!("not a static pod"),
    }
}

fn restore(action: &Action) -> Result<String, BadValue> {
    match action {
        Action::TrialRestore {
            tool,
            snapshot,
            scratch,
            name: member,
            skip_hash_check,
        } => {
            let mut arguments = vec![path(tool)?, path(snapshot)?, path(scratch)?];
            arguments.push(format!("--name={member}"));
            arguments.push(format!("--initial-cluster={member}=http://127.0.0.1:2380"));
            arguments.push("--initial-cluster-token=trial".to_owned());
            arguments.push("--initial-advertise-peer-urls=http://127.0.0.1:2380".to_owned());
            arguments.extend(skip_hash_check.then(|| "--skip-hash-check=true".to_owned()));
            Ok(format!("trial_restore {}", words(arguments)?))
        }
        Action::RestoreDataDir {
            tool,
            snapshot,
            data_dir,
            owner,
            origin,
            bump,
            ..
        } => {
            let Action::RestoreDataDir {
                name: member,
                initial_cluster,
                token,
                peer_url,
                skip_hash_check,
                ..
            } = action
            else {
                unreachable!("matched above")
            };
            let origin = serde_json::to_string(origin).unwrap_or_default();
            let mut arguments = vec![
                path(tool)?,
                path(snapshot)?,
                path(data_dir)?,
                name("owner", owner)?.to_owned(),
                origin,
            ];
            arguments.push(format!("--name={member}"));
            arguments.push(format!("--initial-cluster={initial_cluster}"));
            arguments.push(format!("--initial-cluster-token={token}"));
            arguments.push(format!("--initial-advertise-peer-urls={peer_url}"));
            if let Some(bump) = bump {
                arguments.push(format!("--bump-revision={bump}"));
                arguments.push("--mark-compacted=true".to_owned());
            }
            arguments.extend(skip_hash_check.then(|| "--skip-hash-check=true".to_owned()));
            Ok(format!("restore {}", words(arguments)?))
        }
        // INVARIANT: `compile` calls this with these two only.
        _ => unreachable!("not a restore"),
    }
}

fn shell(
    script: &str,
    env: &[(String, String)],
    creates: Option<&str>,
    read_only: bool,
) -> Result<String, BadValue> {
    let mut body = String::new();
    for (key, value) in env {
        let starts = key
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(BadValue::Name {
                what: "variable",
                value: crate::text::line(key.as_bytes()),
            });
        }
        body.push_str(&format!("export {key}={}\n", word(value)?));
    }
    let creates = creates.map(path).transpose()?.unwrap_or_default();
    let read_only = if read_only { "yes" } else { "" };
    body.push_str(&format!(
        "SCRIPT={}\nrun_script {}",
        word(script)?,
        words([creates.as_str(), read_only])?
    ));
    Ok(body)
}

/// A step of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent<'a> {
    /// A directory, by its index in the order.
    Directory(usize, &'a Action),
    /// A file.
    File(Upload<'a>),
}

/// One file to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload<'a> {
    /// Index in the order.
    pub index: usize,
    /// Absolute path on the host.
    pub dest: &'a str,
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Access.
    pub access: &'a Access,
}

/// A program that takes the files from its own input.
///
/// # Errors
/// As [`detached`].
pub fn uploads(
    context: &Context<'_>,
    key: &Key,
    sent: &[Sent<'_>],
) -> Result<String, (usize, BadValue)> {
    let first = sent.first().map_or(0, Sent::index);
    let assignments = context.assignments().map_err(|e| (first, e.into()))?;
    let key = key.assignments().map_err(|e| (first, e.into()))?;
    let mut body = format!("{PRELUDE}{LOCK}{ACTION}{FILES}{RUNNING}{UPLOAD}{assignments}{key}");
    let mut calls = String::new();
    for step in sent {
        let index = step.index();
        let call = match step {
            Sent::Directory(_, action) => file(action).map(|call| format!("sent_{call}")),
            Sent::File(file) => upload_words(file).map(|words| {
                let small = file.size <= SMALL_UPLOAD;
                format!(
                    "{} {words}",
                    if small { "take_small" } else { "take_large" }
                )
            }),
        };
        let call = call.map_err(|e| (index, e))?;
        body.push_str(&format!("a{index}() {{ {call}; }}\n"));
        calls.push_str(&format!("upload_step {index} a{index}\n"));
    }
    Ok(whole(&format!("{body}begin_uploads\n{calls}end_uploads")))
}

impl Sent<'_> {
    fn index(&self) -> usize {
        match self {
            Self::Directory(index, _) => *index,
            Self::File(file) => file.index,
        }
    }
}

fn upload_words(file: &Upload<'_>) -> Result<String, BadValue> {
    let mut arguments = vec![
        path(file.dest)?,
        name("SHA-256", &file.sha256)?.to_owned(),
        file.size.to_string(),
    ];
    arguments.extend(access_words(file.access, "644")?);
    Ok(words(arguments)?)
}
