//! The etcd member that a host is to carry: `etcd_*` variables, their defaults, and what may not be in them.

mod limits;
mod reader;

use std::collections::HashMap;

use runbook_model::host::{Connection, HostName, MemberSpec, Transport};

use crate::connection::Overrides;
use crate::fact::Fact;
use crate::inventory::Inventory;
use crate::paths::show;
use crate::problem::{Errors, Place, Problem, Source};
use crate::syntax::ini::nearest;
use crate::typed::Typed;
use reader::Reader;

/// Every `etcd_*` variable that is read, and `pki_dir`.
pub const VARIABLES: [&str; 21] = [
    "etcd_address",
    "etcd_archive",
    "etcd_archive_sha256",
    "etcd_bin_dir",
    "etcd_client_port",
    "etcd_cluster",
    "etcd_config",
    "etcd_data_dir",
    "etcd_extra",
    "etcd_install",
    "etcd_name",
    "etcd_peer_port",
    "etcd_peer_scheme",
    "etcd_pki_dir",
    "etcd_quota_bytes",
    "etcd_scheme",
    "etcd_service_manager",
    "etcd_unit",
    "etcd_user",
    "etcd_version",
    "pki_dir",
];

impl Inventory {
    /// The member on a host, for the cluster that `group` is. Errors: every variable that is not fit.
    pub fn member_spec(
        &self,
        host: &HostName,
        group: &str,
        overrides: &Overrides,
    ) -> Result<MemberSpec, Errors> {
        let Some(place) = self.place_of(host) else {
            return Err(absent(host).into());
        };
        let (connection, mut problems) = match self.connection(host, overrides) {
            Ok(connection) => (connection, Vec::new()),
            // The member's own variables are read all the same: every error in one report.
            Err(errors) => (self.stand_in(host), errors.into_problems()),
        };
        let mut read = Reader {
            typed: Typed::new(self, host),
            local: connection.transport == Transport::Local,
        };
        let spec = read.spec(group, &connection, place);
        problems.extend(read.typed.problems);
        Errors::unless_empty(problems, spec)
    }

    /// A connection that is fit, where the real one is not.
    fn stand_in(&self, host: &HostName) -> Connection {
        let local = self
            .var(host, "ansible_connection")
            .is_some_and(|v| v.value == "local");
        let transport = if local {
            Transport::Local
        } else {
            Transport::Ssh
        };
        Connection {
            transport,
            address: "unknown".into(),
            ..Connection::default()
        }
    }

    /// The warnings of the sources, and those about how these hosts are reached and what they carry; each once.
    pub fn advice(&self, hosts: &[HostName]) -> Vec<Problem> {
        let of = |h: &HostName| [self.connection_warnings(h), self.member_warnings(h)].concat();
        once_each(
            self.warnings()
                .iter()
                .cloned()
                .chain(hosts.iter().flat_map(of))
                .collect(),
        )
    }

    /// The members of a group, checked against each other: no two with one name, one URL, or one directory on one machine.
    /// A group without hosts gives none; a group that does not exist is an error.
    pub fn members_of(
        &self,
        group: &str,
        overrides: &Overrides,
    ) -> Result<Vec<MemberSpec>, Errors> {
        let Some(hosts) = self.hosts_of(group) else {
            let fact = Fact::UndefinedChild {
                child: show(group),
                near: nearest(group, self.groups()),
            };
            return Err(Problem::new(fact, Place::whole(&Source::new("the inventory", ""))).into());
        };
        let (mut specs, mut problems) = (Vec::new(), Vec::new());
        for host in &hosts {
            match self.member_spec(host, group, overrides) {
                Ok(spec) => specs.push(spec),
                Err(errors) => problems.extend(errors.into_problems()),
            }
        }
        let mut unique = once_each(problems);
        unique.extend(self.clashes(&specs, overrides));
        Errors::unless_empty(unique, specs)
    }

    fn clashes(&self, specs: &[MemberSpec], overrides: &Overrides) -> Vec<Problem> {
        let mut seen: HashMap<(String, &str), &MemberSpec> = HashMap::new();
        let mut found = Vec::new();
        for spec in specs {
            let Ok(connection) = self.connection(&spec.host, overrides) else {
                continue;
            };
            let machine = match connection.transport {
                Transport::Local => "local".to_owned(),
                Transport::Ssh => {
                    format!("{}:{}", connection.address, connection.port.unwrap_or(22))
                }
            };
            let claims = [
                (spec.name.clone(), "member name"),
                (spec.client_url(), "client URL"),
                (spec.peer_url(), "peer URL"),
                (format!("{machine}{}", spec.data_dir), "data directory"),
                (format!("{machine}{}", spec.config), "configuration file"),
            ];
            for (value, what) in claims {
                if let Some(other) = seen.insert((value, what), spec)
                    && let Some(place) = self.place_of(&spec.host)
                {
                    let (this, that) = (other.host.to_string(), spec.host.to_string());
                    found.push(Problem::new(
                        Fact::Clash {
                            this,
                            that,
                            what: what.to_owned(),
                        },
                        place.clone(),
                    ));
                }
            }
        }
        found
    }

    /// Warnings about a member's variables: names like ours that nobody reads.
    pub fn member_warnings(&self, host: &HostName) -> Vec<Problem> {
        let unknown = |name: &&str| name.starts_with("etcd_") && !VARIABLES.contains(name);
        let vars = self.vars(host);
        vars.iter()
            .filter(|(name, _)| unknown(name))
            .map(|(name, var)| {
                let near = nearest(name, VARIABLES);
                Problem::new(
                    Fact::UnknownVariable {
                        name: show(name),
                        near,
                    },
                    var.origin.place.clone(),
                )
            })
            .collect()
    }
}

/// A variable of a group is wrong once, not once a host.
fn once_each(problems: Vec<Problem>) -> Vec<Problem> {
    let mut seen = std::collections::HashSet::new();
    problems
        .into_iter()
        .filter(|p| seen.insert((p.fact.to_string(), p.place.to_string())))
        .collect()
}

fn absent(host: &HostName) -> Problem {
    let fact = Fact::HostName {
        name: show(host.as_str()),
        why: "the inventory does not have it",
    };
    Problem::new(fact, Place::whole(&Source::new("the inventory", "")))
}
