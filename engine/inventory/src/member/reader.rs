//! Reads a member's variables one by one.

use std::path::{Path, PathBuf};

use runbook_model::host::{Connection, Install, MemberSpec, Scheme, ServiceManager};
use serde_json::Value;

use super::limits::{
    Use, forbidden, in_address, in_name, in_unit, in_version, unfit_extra, unfit_path,
};
use crate::fact::Fact;
use crate::paths::{self, show};
use crate::problem::{Place, Problem};
use crate::typed::{Typed, unfit};

struct Service {
    manager: ServiceManager,
    unit: String,
    user: String,
}

struct Dirs {
    data: String,
    pki: String,
    config: String,
}

pub(super) struct Reader<'a> {
    pub typed: Typed<'a>,
    pub local: bool,
}

impl<'a> Reader<'a> {
    /// What is wrong is reported and stands in the result as a default.
    pub fn spec(&mut self, group: &str, connection: &Connection, place: &Place) -> MemberSpec {
        let host = self.typed.host;
        let name = self.named(
            "etcd_name",
            "a member's name",
            in_name,
            host.as_str(),
            place,
        );
        let cluster = self.named("etcd_cluster", "a cluster's name", in_name, group, place);
        let address = self.named(
            "etcd_address",
            "an address in a URL",
            in_address,
            &connection.address,
            place,
        );
        let schemes = [("https", Scheme::Https), ("http", Scheme::Http)];
        let scheme = self.typed.choice(&["etcd_scheme"], &schemes);
        let peer_scheme = self.typed.choice(&["etcd_peer_scheme"], &schemes);
        let client_port = self.typed.port(&["etcd_client_port"]).unwrap_or(2379);
        let peer_port = self.typed.port(&["etcd_peer_port"]).unwrap_or(2380);
        if client_port == peer_port {
            let at = self
                .typed
                .find(&["etcd_peer_port", "etcd_client_port"])
                .map_or(place, |(_, v)| &v.origin.place)
                .clone();
            let (this, that) = ("etcd_client_port".to_owned(), "etcd_peer_port".to_owned());
            self.typed.report(
                Fact::Clash {
                    this,
                    that,
                    what: "number".into(),
                },
                &at,
            );
        }
        let service = self.service(connection);
        let dirs = self.dirs(place);
        let control_pki_dir = self.control_dir(&cluster);
        MemberSpec {
            host: host.clone(),
            name,
            cluster,
            address,
            scheme: scheme.unwrap_or_default(),
            peer_scheme,
            client_port,
            peer_port,
            data_dir: dirs.data,
            pki_dir: dirs.pki,
            config: dirs.config,
            unit: service.unit,
            manager: service.manager,
            bin_dir: self.path("etcd_bin_dir", Use::Read),
            user: service.user,
            install: self.install(place),
            quota_bytes: self.typed.bytes(&["etcd_quota_bytes"]),
            extra: self.extra(),
            control_pki_dir,
        }
    }

    fn service(&mut self, connection: &Connection) -> Service {
        let managers = [
            ("systemd", ServiceManager::Systemd),
            ("process", ServiceManager::Process),
        ];
        let manager = self
            .typed
            .choice(&["etcd_service_manager"], &managers)
            .unwrap_or_default();
        let unit = self
            .typed
            .word(&["etcd_unit"], "a systemd unit's name", in_unit);
        let unit = unit.map_or("etcd".into(), |u| {
            u.strip_suffix(".service").unwrap_or(&u).to_owned()
        });
        let user = self
            .typed
            .word(&["etcd_user"], "a user's name", in_name)
            .unwrap_or_else(|| match manager {
                ServiceManager::Systemd => "etcd".into(),
                ServiceManager::Process => connection.user.clone().unwrap_or_default(),
            });
        Service {
            manager,
            unit,
            user,
        }
    }

    fn dirs(&mut self, place: &Place) -> Dirs {
        let data = self
            .path("etcd_data_dir", Use::Data)
            .unwrap_or_else(|| "/var/lib/etcd".into());
        let pki = self
            .path("etcd_pki_dir", Use::Files)
            .unwrap_or_else(|| "/etc/etcd/pki".into());
        let config = self
            .path("etcd_config", Use::File)
            .unwrap_or_else(|| "/etc/etcd/etcd.conf".into());
        self.apart(&data, &pki, &config, place);
        Dirs { data, pki, config }
    }

    /// A variable's word, or the default, which must be fit as well.
    fn named(
        &mut self,
        name: &'static str,
        purpose: &'static str,
        ok: fn(char) -> bool,
        default: &str,
        place: &Place,
    ) -> String {
        if self.typed.find(&[name]).is_some() {
            return match self.typed.word(&[name], purpose, ok) {
                Some(word) if matches!(word.as_str(), "." | "..") => {
                    let at = self
                        .typed
                        .find(&[name])
                        .map_or(place, |(_, v)| &v.origin.place)
                        .clone();
                    self.typed.report(
                        Fact::Unsafe {
                            name: name.into(),
                            purpose,
                            why: "it is a directory's own name",
                        },
                        &at,
                    );
                    word
                }
                Some(word) => word,
                None => String::new(), // reported
            };
        }
        if let Some(why) = unfit(default, ok) {
            self.typed.report(
                Fact::Unsafe {
                    name: show(default),
                    purpose,
                    why,
                },
                place,
            );
        }
        default.to_owned()
    }

    /// A path on the host: absolute, or, on this machine, beside the inventory.
    fn path(&mut self, name: &'static str, purpose: Use) -> Option<String> {
        let (text, _, var) = self.typed.text(&[name])?;
        let place = var.origin.place.clone();
        let mut refuse = |why| {
            self.typed.problems.push(Problem::new(
                Fact::Path {
                    name: name.to_owned(),
                    path: show(&text),
                    why,
                },
                place.clone(),
            ));
            None
        };
        if let Some(why) = unfit_path(&text) {
            return refuse(why);
        }
        let path = if text.starts_with('/') {
            paths::join(Path::new("/"), &text)
        } else if self.local {
            let dir = self.typed.inventory.dir_of(self.typed.host)?;
            paths::join(dir, &text)
        } else {
            return refuse("it is relative, and the host is reached over ssh");
        };
        match forbidden(&path, purpose) {
            Some(why) => refuse(why),
            None => Some(path.to_string_lossy().into_owned()),
        }
    }

    /// Data is moved aside as a whole: nothing else may stand in it.
    fn apart(&mut self, data: &str, pki: &str, config: &str, place: &Place) {
        let within = |a: &str, b: &str| Path::new(a).starts_with(b);
        let pairs = [("etcd_pki_dir", pki), ("etcd_config", config)];
        for (name, path) in pairs {
            if within(path, data) || (name == "etcd_pki_dir" && within(data, path)) {
                let why = "it and `etcd_data_dir` stand in each other, and the data directory is moved as a whole";
                let at = self
                    .typed
                    .find(&[name, "etcd_data_dir"])
                    .map_or(place, |(_, v)| &v.origin.place)
                    .clone();
                self.typed.report(
                    Fact::Path {
                        name: name.into(),
                        path: show(path),
                        why,
                    },
                    &at,
                );
            }
        }
    }

    fn dir(&self) -> PathBuf {
        self.typed
            .inventory
            .dir_of(self.typed.host)
            .unwrap_or(Path::new("/"))
            .to_path_buf()
    }

    /// Where the CA and the certificates lie on the control host.
    fn control_dir(&mut self, cluster: &str) -> String {
        let dir = self.dir();
        let given = self.typed.text(&["pki_dir"]).map(|(text, ..)| text);
        let path = given.unwrap_or_else(|| format!("pki/{cluster}"));
        paths::join(&dir, &path).to_string_lossy().into_owned()
    }

    fn install(&mut self, place: &Place) -> Install {
        let ways = [("present", 0), ("package", 1), ("archive", 2)];
        let version = self
            .typed
            .word(&["etcd_version"], "a package's version", in_version);
        match self.typed.choice(&["etcd_install"], &ways) {
            Some(1) => Install::Package { version },
            Some(2) => {
                let at = self
                    .typed
                    .find(&["etcd_install"])
                    .map_or(place, |(_, v)| &v.origin.place)
                    .clone();
                let path = self.archive_part("etcd_archive", &at);
                let sha256 = self
                    .archive_part("etcd_archive_sha256", &at)
                    .to_ascii_lowercase();
                let dir = self
                    .typed
                    .inventory
                    .dir_of(self.typed.host)
                    .unwrap_or(Path::new("/"));
                let path = paths::join(dir, &path).to_string_lossy().into_owned();
                self.check_sha256(&sha256);
                Install::Archive { path, sha256 }
            }
            _ => Install::Present,
        }
    }

    fn archive_part(&mut self, name: &'static str, install: &Place) -> String {
        if self.typed.find(&[name]).is_none() {
            self.typed.report(
                Fact::Missing {
                    name,
                    because: "`etcd_install` is `archive`",
                },
                install,
            );
        }
        self.typed
            .text(&[name])
            .map(|(text, ..)| text)
            .unwrap_or_default()
    }

    fn check_sha256(&mut self, sha256: &str) {
        let fit = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if let (false, Some((name, var))) = (fit, self.typed.find(&["etcd_archive_sha256"])) {
            let fact = Fact::Value {
                name: name.into(),
                wanted: "64 hexadecimal digits".into(),
                found: Some(show(sha256)),
            };
            self.typed.report(fact, &var.origin.place);
        }
    }

    /// `etcd_extra`: a mapping, a list of `NAME=VALUE`, or such lines.
    fn extra(&mut self) -> Vec<(String, String)> {
        let Some((_, var)) = self.typed.find(&["etcd_extra"]) else {
            return Vec::new();
        };
        let place = var.origin.place.clone();
        let text = |v: &Value| match v {
            Value::String(s) => Some(s.clone()),
            Value::Number(_) | Value::Bool(_) => Some(v.to_string()),
            _ => None,
        };
        let split = |line: &str| {
            line.split_once('=')
                .map(|(k, v)| (k.trim().to_owned(), Some(v.trim().to_owned())))
        };
        let lines: Option<Vec<(String, Option<String>)>> = match &var.value {
            Value::Object(map) => Some(map.iter().map(|(k, v)| (k.clone(), text(v))).collect()),
            Value::Array(items) => items.iter().map(|i| i.as_str().and_then(split)).collect(),
            Value::String(s) => s
                .lines()
                .filter(|l| !l.trim().is_empty())
                .map(split)
                .collect(),
            _ => None,
        };
        let Some(lines) = lines else {
            let wanted = "a mapping of `ETCD_*` names, or a list of `ETCD_NAME=value`".into();
            self.typed.report(
                Fact::Value {
                    name: "etcd_extra".into(),
                    wanted,
                    found: None,
                },
                &place,
            );
            return Vec::new();
        };
        let mut extra = Vec::new();
        for (name, value) in lines {
            match (unfit_extra(&name, value.as_deref()), value) {
                (None, Some(value)) => extra.push((name, value)),
                (why, _) => {
                    let why = why.unwrap_or("its value is neither text nor a number");
                    let fact = Fact::Unsafe {
                        name: format!("etcd_extra.{}", show(&name)),
                        purpose: "the environment file",
                        why,
                    };
                    self.typed.report(fact, &place);
                }
            }
        }
        extra
    }
}
