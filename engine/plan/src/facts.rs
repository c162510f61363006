//! What a plan depended on, as text by name: the part of a view that must be the same when the plan is carried out.
//!
//! Left out is what moves by itself: process ids, revisions, sizes, free room, clocks. The guards' verdicts stand for those.

use std::collections::BTreeMap;

use runbook_model::action::Action;
use runbook_model::cluster::{Member, MemberProbe, MemberStatus};
use runbook_model::facts::{
    DataDirFacts, DirFacts, FileFacts, FileKind, HostError, HostFacts, ServiceFacts, Tool,
};
use runbook_model::host::{Connection, HostName, MemberSpec};
use runbook_model::plan::{Change, Plan};
use runbook_model::saved::{Facts, Properties, Things};
use runbook_model::view::{SnapshotFacts, View};

use crate::files::sha256;
use crate::select;

/// What `plan` depended on of `view`, reached by `connections`.
pub fn facts(view: &View, plan: &Plan, connections: &BTreeMap<HostName, Connection>) -> Facts {
    let mut hosts: BTreeMap<HostName, Things> = BTreeMap::new();
    for (host, answer) in &view.hosts {
        let mut things = match answer {
            Ok(found) => of_host(found, is_changed(plan, host)),
            Err(error) => unreached(error),
        };
        if let Some(connection) = connections.get(host) {
            things.insert("connection".to_owned(), of_connection(connection));
        }
        hosts.insert(host.clone(), things);
    }
    for (host, probe) in &view.cluster.members {
        let things = hosts.entry(host.clone()).or_default();
        things.insert("member".to_owned(), of_member(probe));
    }
    let names: Vec<HostName> = view.cluster.members.keys().cloned().collect();
    Facts {
        control: control(&view.snapshots, &uploads(plan), &plan.members, connections),
        cluster: view
            .cluster
            .membership()
            .map(membership)
            .unwrap_or_default(),
        hosts,
        leader: select::leader(&names, view),
    }
}

/// SHA-256 by path of the files that a plan sends, as far as they stood there when it was made.
pub fn uploads(plan: &Plan) -> BTreeMap<String, String> {
    let actions = plan.steps().flat_map(|s| &s.work).flat_map(|w| &w.actions);
    actions
        .filter_map(|planned| match &planned.action {
            Action::Upload {
                source,
                sha256: Some(sha256),
                ..
            } => Some((source.clone(), sha256.clone())),
            _ => None,
        })
        .collect()
}

/// What stands on the control host and can be told before any host is contacted.
pub fn control(
    snapshots: &BTreeMap<String, SnapshotFacts>,
    uploads: &BTreeMap<String, String>,
    members: &BTreeMap<HostName, MemberSpec>,
    connections: &BTreeMap<HostName, Connection>,
) -> Things {
    let mut things = Things::new();
    let meaning = resolved(members, connections);
    things.insert(
        "inventory".to_owned(),
        properties([("sha256 of what it means", meaning)]),
    );
    for (path, found) in snapshots {
        things.insert(
            format!("snapshot {path}"),
            properties([
                ("sha256", found.sha256.clone()),
                ("revision", found.revision.to_string()),
            ]),
        );
    }
    let others = uploads
        .iter()
        .filter(|(path, _)| !snapshots.contains_key(*path));
    for (path, sha256) in others {
        things.insert(
            format!("file to upload {path}"),
            properties([("sha256", sha256.clone())]),
        );
    }
    things
}

/// Connections and members as the inventory gives them. How long a connection may take to come up says nothing of a plan.
fn resolved(
    members: &BTreeMap<HostName, MemberSpec>,
    connections: &BTreeMap<HostName, Connection>,
) -> String {
    let mut connections = connections.clone();
    for connection in connections.values_mut() {
        connection.connect_timeout_s = None;
    }
    let text = serde_json::to_string(&(&connections, members)).unwrap_or_default();
    sha256(text.as_bytes())
}

/// Whether anything is to be changed on a host: only there it matters that it was started anew since.
fn is_changed(plan: &Plan, host: &HostName) -> bool {
    let work = plan
        .steps()
        .flat_map(|s| &s.work)
        .filter(|w| w.host == *host);
    work.flat_map(|w| &w.actions)
        .any(|a| !matches!(a.change, Change::None { .. } | Change::Reads))
}

fn properties<const N: usize>(of: [(&str, String); N]) -> Properties {
    of.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

fn yes(b: bool) -> String {
    if b { "yes" } else { "no" }.to_owned()
}

fn mode(bits: u32) -> String {
    format!("{bits:04o}")
}

/// The kind of failure; its words differ from time to time.
fn unreached(error: &HostError) -> Things {
    let kind = serde_json::to_value(error).ok();
    let kind = kind.and_then(|json| Some(json.get("why")?.as_str()?.to_owned()));
    let answer = properties([("answers", format!("no: {}", kind.unwrap_or_default()))]);
    Things::from([("host".to_owned(), answer)])
}

/// Words for ssh may hold what nobody should read in a plan: they are told by the inventory's digest alone.
pub fn of_connection(connection: &Connection) -> Properties {
    let become_user = connection.r#become.as_ref().map(|b| b.user.clone());
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "not set".to_owned());
    properties([
        (
            "transport",
            format!("{:?}", connection.transport).to_lowercase(),
        ),
        ("address", connection.address.clone()),
        ("port", or_none(connection.port.map(|p| p.to_string()))),
        ("user", or_none(connection.user.clone())),
        ("private key", or_none(connection.private_key_file.clone())),
        ("become", or_none(become_user)),
    ])
}

fn of_host(found: &HostFacts, is_changed: bool) -> Things {
    let mut things = Things::new();
    let mut host = properties([
        ("answers", "yes".to_owned()),
        ("machine id", found.machine_id.clone()),
        ("hostname", found.hostname.clone()),
        ("system", found.os.clone()),
        ("architecture", found.arch.clone()),
        ("works as", found.user.clone()),
        ("systemd", yes(found.has_systemd)),
    ]);
    if is_changed {
        host.insert("boot id".to_owned(), found.boot_id.clone());
    }
    things.insert("host".to_owned(), host);
    let mut put = |kind: &str, name: &str, of: Properties| {
        things.insert(format!("{kind} {name}"), of);
    };
    for tool in &found.tools {
        put("tool", &tool.path, of_tool(tool));
    }
    for (unit, service) in &found.services {
        put("service", unit, of_service(service));
    }
    for (path, file) in &found.files {
        put("file", path, of_file(file));
    }
    for (path, dir) in &found.dirs {
        put("directory", path, of_dir(dir));
    }
    for (path, data) in &found.data_dirs {
        let mut of = of_data_dir(data);
        let runs = found
            .etcd_processes
            .iter()
            .any(|p| p.data_dir.as_ref() == Some(path));
        of.insert("used by a process".to_owned(), yes(runs));
        put("data dir", path, of);
    }
    for (port, listener) in &found.ports {
        let held = listener.as_ref().map(|l| l.command.clone());
        let held = held.unwrap_or_else(|| "nobody".to_owned());
        put("port", &port.to_string(), properties([("held by", held)]));
    }
    for (user, exists) in &found.users {
        put("user", user, properties([("exists", yes(*exists))]));
    }
    for (name, version) in &found.packages {
        let version = version.clone().unwrap_or_else(|| "none".to_owned());
        put("package", name, properties([("version", version)]));
    }
    for (path, pem) in &found.certificates {
        let of = properties([("sha256", sha256(pem.as_bytes()))]);
        put("certificate", path, of);
    }
    things
}

fn of_tool(tool: &Tool) -> Properties {
    properties([
        ("version", tool.version.clone()),
        ("can restore", yes(tool.can_restore)),
        ("can bump revisions", yes(tool.restore_bump)),
    ])
}

fn of_service(service: &ServiceFacts) -> Properties {
    properties([
        ("exists", yes(service.exists)),
        ("enabled", yes(service.enabled)),
        ("state", service.active.clone()),
        ("made of", service.sources.join(", ")),
    ])
}

fn of_file(file: &FileFacts) -> Properties {
    let kind = format!("{:?}", file.kind).to_lowercase();
    let mut of = properties([("kind", kind)]);
    if file.kind != FileKind::Absent {
        of.extend(properties([
            ("mode", mode(file.mode)),
            ("owner", format!("{}:{}", file.owner, file.group)),
        ]));
    }
    if let Some(sha256) = &file.sha256 {
        of.insert("sha256".to_owned(), sha256.clone());
    }
    of
}

/// What lies in a directory is not looked at: only its data dirs matter, and those are things of their own.
fn of_dir(dir: &DirFacts) -> Properties {
    let mut of = properties([("exists", yes(dir.exists))]);
    if dir.exists {
        of.extend(properties([
            ("mode", mode(dir.mode)),
            ("owner", format!("{}:{}", dir.owner, dir.group)),
        ]));
    }
    of
}

fn of_data_dir(data: &DataDirFacts) -> Properties {
    let holds = match data {
        d if !d.exists => "absent",
        d if d.empty => "nothing",
        d if d.has_member => "a member",
        _ => "something else",
    };
    let mut of = properties([("holds", holds.to_owned())]);
    if data.exists {
        of.extend(properties([
            ("owner", data.owner.clone()),
            ("mount point", yes(data.mount_point)),
        ]));
    }
    if let Some(origin) = &data.origin {
        of.extend(properties([
            ("made by run", origin.run.clone()),
            ("made for cluster", origin.cluster_id.clone()),
            ("restored from sha256", origin.snapshot_sha256.clone()),
        ]));
    }
    of
}

fn of_member(probe: &MemberProbe) -> Properties {
    match probe {
        MemberProbe::Silent { cause, .. } => {
            let cause = serde_json::to_value(cause).ok();
            let cause = cause.and_then(|c| Some(c.as_str()?.to_owned()));
            properties([("serves", format!("no: {}", cause.unwrap_or_default()))])
        }
        MemberProbe::Serving(status) => of_status(status),
    }
}

fn of_status(status: &MemberStatus) -> Properties {
    let mut alarms: Vec<String> = status
        .alarms
        .iter()
        .map(|a| format!("{} of {:x}", a.kind, a.member_id))
        .collect();
    alarms.sort();
    properties([
        ("serves", "yes".to_owned()),
        ("cluster id", format!("{:x}", status.cluster_id)),
        ("member id", format!("{:x}", status.member_id)),
        ("version", status.version.clone()),
        ("learner", yes(status.is_learner)),
        ("knows a leader", yes(status.leader != 0)),
        ("alarms", alarms.join(", ")),
    ])
}

/// One that never started has no name yet.
fn membership(members: &[Member]) -> Things {
    let things = members.iter().map(|member| {
        let name = match member.name.as_str() {
            "" => format!("that never started, {:x}", member.id),
            name => name.to_owned(),
        };
        let of = properties([
            ("id", format!("{:x}", member.id)),
            ("peer urls", member.peer_urls.join(",")),
            ("learner", yes(member.is_learner)),
        ]);
        (format!("member {name}"), of)
    });
    things.collect()
}
