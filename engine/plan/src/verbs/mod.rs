//! Verbs to actions: one row a verb, one file a family. A row says what must be seen of a host, and what the verb does there.

mod certificates;
mod cluster;
mod configure;
mod data;
mod file;
mod install;
mod peers;
mod service;
mod shell;
mod snapshot;
mod static_pod;

use std::collections::BTreeMap;

use runbook_dsl::catalogue::Verb;
use runbook_dsl::checked::CheckedRunbook;
use runbook_model::action::Action;
use runbook_model::facts::{FileQuery, HostFacts, ProbeRequest};
use runbook_model::guard::Guard;
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::plan::Change;
use runbook_model::view::View;

use crate::error::{Fault, Outcome};
use crate::eval::Scope;
use crate::files::CONTENT_LIMIT;
use crate::request::Files;
use crate::value::Value;

pub(crate) use configure::fit;
pub(crate) use shell::{Script, script};

type NeedsOf = fn(&Call<'_>) -> Outcome<ProbeRequest>;
type WorkOf = fn(&Site<'_>) -> Outcome<Work>;

/// A verb's row.
pub(crate) struct Row {
    /// What must be seen of the host before the verb can be planned there.
    pub(crate) needs: NeedsOf,
    /// What it does on the host.
    pub(crate) work: WorkOf,
    /// Whether it works on the etcd member of the host.
    pub(crate) of_member: bool,
}

/// The table.
pub(crate) fn row(verb: Verb) -> Row {
    let (needs, work, of_member): (NeedsOf, WorkOf, bool) = match verb {
        Verb::Install => (install::needs, install::work, true),
        Verb::User => (install::user_needs, install::user, false),
        Verb::Directory => (file::directory_needs, file::directory, false),
        Verb::Template => (file::template_needs, file::template, false),
        Verb::Upload => (file::upload_needs, file::upload, false),
        Verb::RemoveUpload => (file::remove_needs, file::remove, false),
        Verb::IssueCertificates => (nothing, certificates::issue, true),
        Verb::RotateAuthority => (nothing, certificates::rotate, true),
        Verb::InstallCertificates => (certificates::needs, certificates::install, true),
        Verb::Configure => (configure::needs, configure::work, true),
        Verb::TrustPeers => (peers::needs, peers::trust, true),
        Verb::Service => (service::needs, service::work, false),
        Verb::MeasureDisk => (nothing, data::measure, true),
        Verb::TrialRestore => (data::needs, data::trial, true),
        Verb::Archive => (data::needs, data::archive, true),
        Verb::Restore => (data::needs, data::restore, true),
        Verb::SaveSnapshot => (nothing, snapshot::save, true),
        Verb::AddMember => (nothing, cluster::add, true),
        Verb::PromoteMember => (nothing, cluster::promote, true),
        Verb::RemoveMember => (nothing, cluster::remove, true),
        Verb::UpdateMember => (nothing, cluster::update, true),
        Verb::MoveLeader => (nothing, cluster::move_leader, true),
        Verb::Compact => (nothing, cluster::compact, true),
        Verb::Defragment => (nothing, cluster::defragment, true),
        Verb::Disarm => (nothing, cluster::disarm, true),
        Verb::Shell => (shell::needs, shell::work, false),
    };
    Row {
        needs,
        work,
        of_member,
    }
}

fn nothing(_: &Call<'_>) -> Outcome<ProbeRequest> {
    Ok(ProbeRequest::default())
}

/// What the run is, for every verb the same.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Run id.
    pub(crate) id: &'a str,
    /// Cluster's name.
    pub(crate) cluster: &'a str,
    /// Members in inventory order.
    pub(crate) members: &'a [MemberSpec],
    /// The runbook, for its templates.
    pub(crate) checked: &'a CheckedRunbook,
    /// Files of this machine.
    pub(crate) files: &'a dyn Files,
    /// Seconds since the epoch.
    pub(crate) now: i64,
}

/// A verb on a host, before anything is known of the host.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) run: Run<'a>,
    pub(crate) host: &'a HostName,
    /// The host's member, where it carries one.
    pub(crate) member: Option<&'a MemberSpec>,
    /// Arguments by the catalogue's names.
    pub(crate) arguments: &'a BTreeMap<&'static str, Value>,
}

/// A verb on a host, with what is known or predicted of the host.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) call: Call<'a>,
    pub(crate) facts: &'a HostFacts,
    pub(crate) view: &'a View,
    /// As it was before the run.
    pub(crate) observed: &'a View,
    /// For templates.
    pub(crate) scope: Scope<'a>,
    /// The step's hosts that are worked on, in order.
    pub(crate) step_hosts: &'a [HostName],
    /// A line of the step before this one changes something on the host.
    pub(crate) changed: bool,
    /// The step's time limit.
    pub(crate) timeout_ms: u64,
    /// For `shell`: its programs with the values that they see.
    pub(crate) script: Option<&'a Script>,
}

/// An action before it is placed in the plan.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) action: Action,
    pub(crate) summary: String,
    pub(crate) change: Change,
    pub(crate) undo: Vec<Action>,
}

/// What a verb does on a host.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) drafts: Vec<Draft>,
    /// Guards that the verb itself brings.
    pub(crate) requires: Vec<Guard>,
    /// For the reviewer.
    pub(crate) notes: Vec<String>,
}

impl From<Vec<Draft>> for Work {
    fn from(drafts: Vec<Draft>) -> Self {
        Self {
            drafts,
            ..Self::default()
        }
    }
}

impl Work {
    /// Nothing is done here, and why.
    pub(crate) fn left_out(why: String) -> Self {
        Self {
            notes: vec![why],
            ..Self::default()
        }
    }
}

/// A change without a diff.
pub(crate) fn changes(summary: impl Into<String>) -> Change {
    Change::Changes {
        summary: summary.into(),
        diff: None,
    }
}

/// It is so already.
pub(crate) fn already(found: impl Into<String>) -> Change {
    Change::None {
        found: found.into(),
    }
}

impl<'a> Call<'a> {
    /// The host's member.
    pub(crate) fn member(&self) -> Outcome<&'a MemberSpec> {
        self.member.ok_or_else(|| {
            Fault::Expression {
                why: format!("`{}` carries no etcd member here", self.host),
            }
            .into()
        })
    }

    /// A text argument; none where it is left out or not known yet.
    pub(crate) fn text(&self, name: &str) -> Outcome<Option<String>> {
        match self.arguments.get(name) {
            None | Some(Value::Unset | Value::Unknown(_)) => Ok(None),
            Some(Value::Secret(secret)) => Err(Fault::SecretShown {
                name: secret.clone(),
                into: "the plan",
            }
            .into()),
            Some(value) => Ok(value.text()),
        }
    }

    /// A text argument that must be known.
    pub(crate) fn known(&self, name: &str) -> Outcome<String> {
        match self.text(name)? {
            Some(text) => Ok(text),
            None => Err(Fault::Expression {
                why: match self.arguments.get(name) {
                    Some(Value::Unknown(why)) => format!("`{name}` is not known: {why}"),
                    _ => format!("`{name}` has no value"),
                },
            }
            .into()),
        }
    }

    /// A whole number argument.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.arguments.get(name) {
            Some(Value::Int(n)) => Some(*n),
            _ => None,
        }
    }

    /// A duration argument, in seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        match self.arguments.get(name) {
            Some(Value::Duration(ms)) => Some(ms.div_ceil(1000)),
            _ => None,
        }
    }

    /// Permission bits of `mode`.
    pub(crate) fn mode(&self, default: u32) -> Outcome<u32> {
        let Some(bits) = self.int("mode") else {
            return Ok(default);
        };
        u32::try_from(bits)
            .ok()
            .filter(|bits| *bits <= 0o7777)
            .ok_or_else(|| {
                Fault::Expression {
                    why: format!("`{bits}` is no permission: write it in octal, as `0644`"),
                }
                .into()
            })
    }

    /// A directory of the run's own on the host. Several local hosts share one machine: each has its own.
    pub(crate) fn scratch(&self) -> String {
        format!("/var/tmp/runbook-{}-{}", self.run.id, self.host)
    }
}

/// Asks for a file's kind, access and text.
pub(crate) fn with_content(path: String) -> FileQuery {
    FileQuery {
        path,
        content_limit: CONTENT_LIMIT,
    }
}

/// Asks for a file's kind, access and digest.
pub(crate) fn digest_only(path: String) -> FileQuery {
    FileQuery {
        path,
        content_limit: 0,
    }
}
