//! The view as it will be: each action applied to what is known, so that later steps are planned on what they will find.

mod certificates;
mod change;

use std::collections::BTreeMap;

use runbook_model::action::{Access, Action, ServiceState};
use runbook_model::cluster::{Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::facts::{
    DataDirFacts, DirFacts, EtcdProcess, FileFacts, FileKind, HostFacts, Listener, Tool,
};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::quorum::quorum;
use runbook_model::view::View;
use runbook_snapshot::ids;

use crate::{envfile, files, member, select};

/// Stands for the process id of what is not started yet.
const PID: u32 = 0;

/// A view that actions are applied to.
#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    /// As it will be.
    pub(crate) view: View,
    /// What members said before they were stopped.
    before: BTreeMap<HostName, MemberStatus>,
    /// A member was started or stopped since the last [`Prediction::settle`]: what was observed holds no longer.
    disturbed: bool,
}

impl Prediction {
    /// Starts from what was observed.
    pub(crate) fn new(view: &View) -> Self {
        let before = view
            .cluster
            .serving()
            .map(|(host, status)| (host.clone(), status.clone()))
            .collect();
        Self {
            view: view.clone(),
            before,
            disturbed: false,
        }
    }

    /// Applies an action on a host.
    pub(crate) fn apply(&mut self, host: &HostName, action: &Action) {
        if let Action::SaveSnapshot { dest, .. } = action {
            // What will stand there is read by the run.
            self.view.snapshots.remove(dest);
            self.view.made.insert(dest.clone());
            return;
        }
        if self.certificates(host, action) {
            return;
        }
        if let Action::ChangeCluster { change, .. } = action {
            self.change(change);
            return;
        }
        if let Action::Service {
            unit,
            state,
            enabled,
            ..
        } = action
        {
            self.service(host, unit, *state, *enabled);
            return;
        }
        let spec = self.view.specs.get(host).cloned();
        let Some(Ok(facts)) = self.view.hosts.get_mut(host) else {
            return;
        };
        apply_to_files(facts, action);
        apply_to_data(facts, action);
        apply_to_tools(facts, spec.as_ref(), action);
    }

    fn service(&mut self, host: &HostName, unit: &str, state: ServiceState, enabled: Option<bool>) {
        let spec = self
            .view
            .specs
            .get(host)
            .filter(|s| s.unit == unit)
            .cloned();
        let Some(Ok(facts)) = self.view.hosts.get_mut(host) else {
            return;
        };
        let service = facts.services.entry(unit.to_owned()).or_default();
        let was_running = service.is_running();
        let running = state != ServiceState::Stopped;
        if running != was_running {
            let active = if running { "active" } else { "inactive" };
            active.clone_into(&mut service.active);
            service.pid = PID;
        }
        service.exists |= running;
        service.enabled = enabled.unwrap_or(service.enabled);
        if state == ServiceState::Restarted
            && let Some(spec) = &spec
        {
            let settings = settings(facts, spec);
            let own = |p: &&mut EtcdProcess| p.data_dir.as_ref() == Some(&spec.data_dir);
            for process in facts.etcd_processes.iter_mut().filter(own) {
                process.settings.clone_from(&settings);
            }
        }
        if running == was_running {
            // One that is started anew tells the client URL that its file has by then.
            if let (ServiceState::Restarted, Some(spec)) = (state, spec) {
                self.named(&spec);
            }
            return;
        }
        if let Some(spec) = spec {
            self.disturbed = true;
            if running {
                self.start(host, &spec);
            } else {
                self.stop(host, &spec);
            }
        }
    }

    fn stop(&mut self, host: &HostName, spec: &MemberSpec) {
        if let Some(MemberProbe::Serving(status)) = self.view.cluster.members.get(host) {
            self.before.insert(host.clone(), status.as_ref().clone());
        }
        self.view.cluster.members.insert(
            host.clone(),
            MemberProbe::Silent {
                cause: SilentCause::Refused,
                detail: "stopped by this run".to_owned(),
            },
        );
        if let Some(Ok(facts)) = self.view.hosts.get_mut(host) {
            facts
                .etcd_processes
                .retain(|p| p.data_dir.as_deref().is_some_and(|d| d != spec.data_dir));
            for port in [spec.client_port, spec.peer_port] {
                facts.ports.insert(port, None);
            }
        }
    }

    fn start(&mut self, host: &HostName, spec: &MemberSpec) {
        let status = self.started(host, spec);
        let Some(Ok(facts)) = self.view.hosts.get_mut(host) else {
            return;
        };
        for port in [spec.client_port, spec.peer_port] {
            let listener = Listener {
                command: "etcd".to_owned(),
                pid: PID,
            };
            facts.ports.insert(port, Some(listener));
        }
        let settings = settings(facts, spec);
        facts.etcd_processes.push(EtcdProcess {
            pid: PID,
            data_dir: Some(spec.data_dir.clone()),
            settings,
        });
        let data = facts.data_dirs.entry(spec.data_dir.clone()).or_default();
        data.exists = true;
        data.has_member = true;
        data.empty = false;
        if status.is_some() {
            self.named(spec);
        }
        let probe = match status {
            Some(status) => MemberProbe::Serving(Box::new(status)),
            None => MemberProbe::Silent {
                cause: SilentCause::NotAsked,
                detail: "what it says after the start is known in the run".to_owned(),
            },
        };
        self.view.cluster.members.insert(host.clone(), probe);
    }

    /// What a member will say once it is up, as far as its data and its config decide it.
    fn started(&self, host: &HostName, spec: &MemberSpec) -> Option<MemberStatus> {
        let facts = self.view.facts(host)?;
        let version = facts
            .tools
            .iter()
            .find(|t| t.name == "etcd")
            .map(|t| t.version.clone())
            .unwrap_or_default();
        let data = facts.data_dirs.get(&spec.data_dir);
        let restored = data.and_then(|d| d.origin.as_ref());
        if let Some(origin) = restored {
            return Some(MemberStatus {
                cluster_id: u64::from_str_radix(&origin.cluster_id, 16).ok()?,
                member_id: ids::member_id(&[spec.peer_url()], &origin.token).ok()?,
                version,
                revision: origin.revision,
                ..MemberStatus::default()
            });
        }
        if data.is_some_and(|d| d.has_member) {
            // It goes on with what it had.
            let before = self.before.get(host).map(|status| MemberStatus {
                leader: 0,
                ..status.clone()
            });
            return before.or_else(|| self.rejoined(spec, version));
        }
        let config = facts.files.get(&spec.config)?.content.as_deref()?;
        if envfile::get(config, "ETCD_INITIAL_CLUSTER_STATE").as_deref() != Some("new") {
            return self.joined(spec, version);
        }
        let token = envfile::get(config, "ETCD_INITIAL_CLUSTER_TOKEN")?;
        let initial = envfile::get(config, "ETCD_INITIAL_CLUSTER")?;
        Some(MemberStatus {
            cluster_id: ids::cluster_id(&token, &initial).ok()?,
            member_id: ids::member_id(&[spec.peer_url()], &token).ok()?,
            version,
            revision: 1,
            ..MemberStatus::default()
        })
    }

    /// A member that was down when it was looked at comes back as what the others list it as.
    fn rejoined(&self, spec: &MemberSpec, version: String) -> Option<MemberStatus> {
        let url = spec.peer_url();
        let (others, listed) = self.view.cluster.serving().find_map(|(_, status)| {
            let mut members = status.members.iter().flatten();
            Some((status, members.find(|m| m.peer_urls.contains(&url))?))
        })?;
        Some(MemberStatus {
            cluster_id: others.cluster_id,
            member_id: listed.id,
            version,
            is_learner: listed.is_learner,
            revision: others.revision,
            ..MemberStatus::default()
        })
    }

    /// After a step: members that can form quorum have a leader and tell their membership, others know none.
    pub(crate) fn settle(&mut self) {
        if !std::mem::take(&mut self.disturbed) {
            return;
        }
        let mut clusters: BTreeMap<u64, Vec<HostName>> = BTreeMap::new();
        for (host, status) in self.view.cluster.serving() {
            clusters
                .entry(status.cluster_id)
                .or_default()
                .push(host.clone());
        }
        for hosts in clusters.into_values() {
            let listed = self.membership(&hosts);
            let voters: Vec<u64> = listed
                .iter()
                .filter(|m| !m.is_learner)
                .map(|m| m.id)
                .collect();
            let up: Vec<u64> = hosts
                .iter()
                .filter_map(|h| self.status(h))
                .map(|s| s.member_id)
                .filter(|id| voters.contains(id))
                .collect();
            let leader = self.leader(&hosts, &up, up.len() >= quorum(voters.len()));
            for host in &hosts {
                if let Some(MemberProbe::Serving(status)) = self.view.cluster.members.get_mut(host)
                {
                    status.leader = leader;
                    // A learner does not tell the list.
                    if leader != 0 && !status.is_learner {
                        status.members = Some(listed.clone());
                    }
                }
            }
        }
    }

    fn status(&self, host: &HostName) -> Option<&MemberStatus> {
        match self.view.cluster.members.get(host) {
            Some(MemberProbe::Serving(status)) => Some(status),
            _ => None,
        }
    }

    /// The leader stays while it is up; else one of those that are up is taken.
    fn leader(&self, hosts: &[HostName], up: &[u64], quorum_holds: bool) -> u64 {
        if !quorum_holds {
            return 0;
        }
        select::leader(hosts, &self.view)
            .and_then(|host| self.status(&host))
            .map(|s| s.member_id)
            .filter(|id| up.contains(id))
            .or_else(|| up.first().copied())
            .unwrap_or(0)
    }

    /// What the members list already, else the inventory's members under the ids that they will have.
    fn membership(&self, hosts: &[HostName]) -> Vec<Member> {
        let told = hosts
            .iter()
            .filter_map(|h| self.status(h))
            .find_map(|s| s.members.clone());
        if let Some(members) = told {
            return members;
        }
        let token = hosts.iter().find_map(|host| self.token(host));
        let alone = hosts.iter().find(|host| self.is_alone(host));
        self.view
            .specs
            .values()
            .filter(|spec| alone.is_none_or(|host| spec.host == *host))
            .map(|spec| {
                let known = self.status(&spec.host).map(|s| s.member_id);
                let made = token
                    .as_deref()
                    .and_then(|t| ids::member_id(&[spec.peer_url()], t).ok());
                Member {
                    id: known.or(made).unwrap_or(0),
                    name: spec.name.clone(),
                    peer_urls: vec![spec.peer_url()],
                    client_urls: vec![spec.client_url()],
                    is_learner: false,
                }
            })
            .collect()
    }

    /// Whether a host's data was restored as a cluster of one: the cluster's id says so.
    fn is_alone(&self, host: &HostName) -> bool {
        let Some(spec) = self.view.specs.get(host) else {
            return false;
        };
        let facts = self.view.facts(host);
        let origin = facts.and_then(|f| f.data_dirs.get(&spec.data_dir)?.origin.as_ref());
        origin.is_some_and(|origin| {
            let own = member::initial_cluster(std::iter::once(spec));
            ids::cluster_id(&origin.token, &own)
                .is_ok_and(|id| format!("{id:x}") == origin.cluster_id)
        })
    }

    fn token(&self, host: &HostName) -> Option<String> {
        let spec = self.view.specs.get(host)?;
        let facts = self.view.facts(host)?;
        let origin = facts.data_dirs.get(&spec.data_dir)?.origin.as_ref();
        if let Some(origin) = origin {
            return Some(origin.token.clone());
        }
        let config = facts.files.get(&spec.config)?.content.as_deref()?;
        envfile::get(config, "ETCD_INITIAL_CLUSTER_TOKEN")
    }
}

fn owner(facts: &HostFacts, access: &Access) -> String {
    access.owner.clone().unwrap_or_else(|| facts.user.clone())
}

/// What a member is started with, by its environment file.
fn settings(facts: &HostFacts, spec: &MemberSpec) -> BTreeMap<String, String> {
    let file = facts.files.get(&spec.config);
    file.and_then(|f| f.content.as_deref())
        .map(envfile::compared)
        .unwrap_or_default()
}

fn apply_to_files(facts: &mut HostFacts, action: &Action) {
    match action {
        Action::User { name, .. } => {
            facts.users.insert(name.clone(), true);
        }
        Action::Directory { path, access } => {
            let made = DirFacts {
                exists: true,
                mode: access.mode,
                owner: owner(facts, access),
                ..DirFacts::default()
            };
            let parent = DirFacts {
                mode: 0o755,
                owner: facts.user.clone(),
                ..made.clone()
            };
            for (known, found) in &mut facts.dirs {
                if !found.exists && path.starts_with(&format!("{known}/")) {
                    found.clone_from(&parent);
                }
            }
            facts.dirs.insert(path.clone(), made);
            if let Some(data) = facts.data_dirs.get_mut(path) {
                data.empty |= !data.exists;
                data.exists = true;
            }
        }
        Action::WriteFile { path, .. } | Action::Upload { dest: path, .. } => {
            put_file(facts, action);
            let unit = path
                .rsplit('/')
                .next()
                .and_then(|f| f.strip_suffix(".service"));
            if let Some(unit) = unit.filter(|_| path.contains("/systemd/system/")) {
                facts.services.entry(unit.to_owned()).or_default().exists = true;
            }
        }
        Action::StaticPod {
            manifest,
            aside,
            state,
            ..
        } => move_manifest(facts, manifest, aside, *state),
        Action::RemoveUpload { path }
        | Action::RemoveCreated {
            path,
            directory: false,
        } => {
            facts.files.insert(path.clone(), FileFacts::default());
        }
        Action::RemoveCreated {
            path,
            directory: true,
        } => {
            facts.dirs.insert(path.clone(), DirFacts::default());
        }
        _ => {}
    }
}

/// A static pod's manifest goes aside, or comes back.
fn move_manifest(facts: &mut HostFacts, manifest: &str, aside: &str, state: ServiceState) {
    let stopped = state == ServiceState::Stopped;
    let kind = if stopped {
        FileKind::Absent
    } else {
        FileKind::File
    };
    facts.files.entry(manifest.to_owned()).or_default().kind = kind;
    if let Some((above, kept)) = aside.rsplit_once('/') {
        let entries = &mut facts.dirs.entry(above.to_owned()).or_default().entries;
        entries.retain(|entry| entry != kept);
        if stopped {
            entries.push(kept.to_owned());
        }
    }
}

fn put_file(facts: &mut HostFacts, action: &Action) {
    let (path, access, size, sha256, content) = match action {
        Action::WriteFile {
            path,
            content,
            access,
        } => {
            let sha256 = Some(files::sha256(content.as_bytes()));
            (
                path,
                access,
                content.len() as u64,
                sha256,
                Some(content.clone()),
            )
        }
        Action::Upload {
            dest,
            sha256,
            size,
            access,
            ..
        } => (dest, access, size.unwrap_or(0), sha256.clone(), None),
        _ => return,
    };
    let put = FileFacts {
        kind: FileKind::File,
        mode: access.mode,
        owner: owner(facts, access),
        group: String::new(),
        size,
        sha256,
        content,
    };
    facts.files.insert(path.clone(), put);
}

fn apply_to_data(facts: &mut HostFacts, action: &Action) {
    match action {
        Action::ArchiveDataDir { data_dir, aside } => {
            let found = facts.data_dirs.entry(data_dir.clone()).or_default();
            if !found.exists || found.empty {
                return;
            }
            let mut dirs = vec![aside.clone()];
            dirs.append(&mut found.aside);
            let mount_point = found.mount_point;
            *found = DataDirFacts {
                exists: mount_point,
                empty: mount_point,
                aside: dirs,
                mount_point,
                ..DataDirFacts::default()
            };
            if !mount_point {
                facts.dirs.insert(data_dir.clone(), DirFacts::default());
            }
        }
        Action::RestoreDataDir {
            data_dir,
            owner,
            origin,
            ..
        } => {
            let found = facts.data_dirs.entry(data_dir.clone()).or_default();
            found.exists = true;
            found.empty = false;
            found.has_member = true;
            found.owner.clone_from(owner);
            found.origin = Some(origin.clone());
            let made = DirFacts {
                exists: true,
                mode: 0o700,
                owner: owner.clone(),
                ..DirFacts::default()
            };
            facts.dirs.insert(data_dir.clone(), made);
        }
        _ => {}
    }
}

fn apply_to_tools(facts: &mut HostFacts, spec: Option<&MemberSpec>, action: &Action) {
    let (dir, version) = match action {
        Action::InstallPackages { packages } => {
            for (name, version) in packages {
                let installed = facts.packages.get(name).cloned().flatten();
                let version = version.clone().or(installed).unwrap_or_default();
                facts.packages.insert(name.clone(), Some(version));
            }
            // The packages bring a unit of that name.
            facts.services.entry("etcd".to_owned()).or_default().exists = true;
            if facts.tools.iter().any(|t| t.name == "etcd") {
                return;
            }
            ("/usr/bin".to_owned(), String::new())
        }
        Action::InstallArchive { bin_dir, .. } => (bin_dir.clone(), String::new()),
        _ => return,
    };
    for name in ["etcd", "etcdctl"] {
        let path = format!("{dir}/{name}");
        if facts.tools.iter().any(|t| t.path == path) {
            continue;
        }
        let found = spec.is_some_and(|s| member::binary(s, None, name) == path);
        let tool = Tool {
            name: name.to_owned(),
            path,
            version: version.clone(),
            restore_bump: false,
            can_restore: false,
        };
        if found {
            facts.tools.insert(0, tool);
        } else {
            facts.tools.push(tool);
        }
    }
}
