//! This machine's files, as a simulated run sees them: the real ones are read and never written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use runbook_model::view::SnapshotFacts;
use runbook_pki::layout::Layout;
use runbook_plan::{Digest, LocalFiles, Prepared};
use runbook_run::world::Observe;
use runbook_sim::{ControlFile, Store};
use runbook_world::{RealWorld, Settings};

use crate::environment::Environment;
use crate::failure::Failure;

/// Bytes of a file that stands for one which is not there.
const STAND_IN_SIZE: u64 = 20_512;

/// Files by path, and paths of simulated snapshots.
pub(super) type Control = (BTreeMap<String, ControlFile>, Vec<String>);

/// Where a parameter's file stands that nobody named.
pub(super) fn path_of(parameter: &str) -> String {
    format!("/simulated/{parameter}")
}

/// Files of this machine; those that are not there are simulated where a run reads them.
#[derive(Debug, Default)]
pub(super) struct Files {
    real: LocalFiles,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Parameters that were not given, by the path that stands for them.
    parameters: BTreeMap<String, String>,
    /// Files that are simulated, and what they are.
    simulated: BTreeMap<String, &'static str>,
}

impl Files {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn not_given(&self, parameter: &str, path: &str) {
        let mut known = self.known();
        known
            .parameters
            .insert(path.to_owned(), parameter.to_owned());
    }

    fn simulate(&self, path: &str, what: &'static str) {
        self.known().simulated.insert(path.to_owned(), what);
    }

    /// What simulated files stand for.
    pub(super) fn stand_ins(&self) -> Vec<String> {
        let known = self.known();
        let files = known.simulated.iter();
        let files = files.map(|(path, what)| match known.parameters.get(path) {
            Some(name) => format!("`{name}` was not given: {what} stands for it"),
            None => format!("there is no `{path}`: {what} stands for it"),
        });
        let written = known.parameters.iter();
        let written = written.filter(|(path, _)| !known.simulated.contains_key(*path));
        let written = written.map(|(path, name)| {
            format!("`{name}` was not given: {path} stands for it; nothing is written")
        });
        files.chain(written).collect()
    }
}

impl runbook_plan::Files for Files {
    fn digest(&self, path: &str) -> Result<Digest, String> {
        let real = self.real.digest(path);
        if real.is_err() && self.known().simulated.contains_key(path) {
            return Ok(Digest {
                size: STAND_IN_SIZE,
                sha256: stand_in_digest(path),
            });
        }
        real
    }

    fn exists(&self, path: &str) -> bool {
        self.real.exists(path)
    }

    fn absolute(&self, path: &str) -> String {
        self.real.absolute(path)
    }
}

/// 64 hex digits that name the path.
fn stand_in_digest(path: &str) -> String {
    let mut text: String = path.bytes().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(64);
    format!("{text:0<64}")
}

/// The control host's files as far as the run reads them.
pub(super) fn files(
    prepared: &Prepared<'_>,
    files: &Files,
    environment: &Environment,
) -> Result<Control, Failure> {
    let (mut control, mut snapshots) = (BTreeMap::new(), Vec::new());
    for (path, sha256) in &prepared.needs().snapshots {
        if !Path::new(path).exists() {
            files.simulate(path, "a snapshot of the simulated cluster");
            snapshots.push(path.clone());
            continue;
        }
        let facts = read(path, sha256.as_deref(), environment)?;
        let refused = super::super::exec::believe(path, &facts);
        refused.map_or(Ok(()), Err)?;
        control.insert(path.clone(), snapshot(facts));
    }
    for path in prepared.sources() {
        control.insert(path.clone(), source(files, &path));
    }
    for member in prepared.members() {
        let ca = Layout::new(&member.control_pki_dir).ca().cert;
        if ca.exists() {
            let file = ControlFile::default();
            control.insert(ca.display().to_string(), file);
        }
    }
    Ok((control, snapshots))
}

/// A file that is sent as it is.
fn source(files: &Files, path: &str) -> ControlFile {
    use runbook_plan::Files as _;
    if !files.real.exists(path) {
        files.simulate(path, "a simulated file");
    }
    // What cannot be read is told by the plan.
    files.digest(path).map_or_else(
        |_| ControlFile::default(),
        |digest| ControlFile {
            sha256: digest.sha256,
            size: digest.size,
            ..ControlFile::default()
        },
    )
}

/// A real snapshot: what is said of it is real, and its keys are stood for.
fn snapshot(facts: SnapshotFacts) -> ControlFile {
    let mut store = Store::empty();
    store.put("registry/of-the-snapshot", "as in the snapshot");
    store.revision = facts.revision;
    ControlFile {
        sha256: facts.sha256.clone(),
        size: facts.size,
        snapshot: Some(store),
        refused: Vec::new(),
        facts: Some(facts),
    }
}

/// Reads a snapshot as a real run does. The world that reads it has no host to contact.
fn read(
    path: &str,
    sha256: Option<&str>,
    environment: &Environment,
) -> Result<SnapshotFacts, Failure> {
    let world = RealWorld::new(Settings::new(BTreeMap::new(), environment.control_dir()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(world.snapshot(path, sha256)))
}
