//! Compiles a probe.

use std::collections::BTreeMap;

use runbook_model::facts::{Endpoint, ProbeRequest, ServiceQuery};
use runbook_model::host::ServiceManager;

use super::api_server::MANIFEST_LIMIT;
use super::names::{component, name, path};
use super::{Context, Known, PRELUDE, whole};
use crate::quote::{NulByte, word, words};

const PROBE: &str = include_str!("sh/probe.sh");
/// Everything fixed in a probe's program.
#[cfg(test)]
pub(super) const SOURCES: [&str; 2] = [PRELUDE, PROBE];

/// Seconds for one connection, a lost packet's second try included; all are made at once.
pub(super) const CONNECT_LIMIT_S: u32 = 2;

/// Bytes of files' contents in one record, less than a record may carry.
const CONTENTS_LIMIT: u64 = 6 * 1024 * 1024;

/// Directories searched for etcd's tools after those asked for.
const PATH_DIRS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];
pub(super) const TOOLS: [&str; 3] = ["etcd", "etcdctl", "etcdutl"];

/// The program of a probe. `known` are tools as they were found before, by name: they are not run again while their file is the same.
/// Paths that are no usable paths are left out: nothing stands there.
///
/// # Errors
/// A NUL byte in the context's names.
pub fn probe(
    context: &Context<'_>,
    request: &ProbeRequest,
    known: &Known,
) -> Result<String, NulByte> {
    let mut calls = String::from("base\n");
    if request.tools {
        // First, in the background: running them takes longest.
        calls.push_str(&tools(request, known)?);
    }
    let all_paths = usable(
        request
            .files
            .iter()
            .map(|f| &f.path)
            .chain(&request.dirs)
            .chain(&request.data_dirs),
    );
    call(&mut calls, "stats", &all_paths)?;
    call(
        &mut calls,
        "hashes",
        &usable(request.files.iter().map(|f| &f.path)),
    )?;
    contents(&mut calls, request)?;
    indexed(&mut calls, "names", &request.dirs)?;
    indexed(&mut calls, "certificate", &request.certificates)?;
    indexed(&mut calls, "data_dir", &request.data_dirs)?;
    call(&mut calls, "disks", &usable(&request.disks))?;
    indexed(&mut calls, "media", &request.media)?;
    for (at, address) in request.links.iter().enumerate() {
        if name("address", address).is_ok() {
            calls.push_str(&format!("card {at} {}\n", word(address)?));
        }
    }
    if let Some(run) = &request.measured_by {
        calls.push_str(&format!("measured {}\n", word(&component(run))?));
    }
    if !request.ports.is_empty() {
        calls.push_str("listeners\n");
    }
    services(&mut calls, &request.services)?;
    call(&mut calls, "users", &plain("user", &request.users))?;
    call(&mut calls, "packages", &plain("package", &request.packages))?;
    if let Some(manifest) = &request.api_server {
        calls.push_str(&api_server(manifest)?);
    }
    calls.push_str("etcds\n");
    if request.cluster.is_some() {
        calls.push_str("held_lock\n");
    }
    calls.push_str(&connects(&request.endpoints)?);
    calls.push_str("frame end\n");
    Ok(whole(&format!(
        "{PRELUDE}{PROBE}{}{calls}",
        context.assignments()?
    )))
}

fn tools(request: &ProbeRequest, known: &Known) -> Result<String, NulByte> {
    let named = request.bin_dirs.iter().filter_map(|d| path(d).ok());
    let dirs: Vec<String> = named.chain(PATH_DIRS.map(str::to_owned)).collect();
    let dirs = words(dirs)?;
    let before = |tool: &str| word(known.get(tool).map_or("", |(print, _)| print));
    let (etcd, etcdutl, etcdctl) = (before("etcd")?, before("etcdutl")?, before("etcdctl")?);
    let able = known.get("etcdutl").is_some_and(|(_, t)| t.can_restore);
    let able = if able { "yes" } else { "''" };
    Ok(format!(
        "server_tool {etcd} {dirs} &\nrestore_tools {etcdutl} {etcdctl} {able} {dirs} &\nwait\n"
    ))
}

/// The manifest, or else the unit that is called as it is.
fn api_server(manifest: &str) -> Result<String, NulByte> {
    let Ok(manifest) = path(manifest) else {
        return Ok(String::new());
    };
    let limit = MANIFEST_LIMIT + 1;
    Ok(match unit_of(&manifest) {
        Some(unit) => format!("api_server {limit} {}\n", words([&manifest, unit])?),
        None => String::new(),
    })
}

/// `kube-apiserver`, of `/etc/kubernetes/manifests/kube-apiserver.yaml`.
pub(super) fn unit_of(manifest: &str) -> Option<&str> {
    let file = manifest.rsplit('/').next()?;
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    name("unit", stem).ok()
}

/// Addresses that are plain names, each with its place among those asked.
fn connects(endpoints: &[Endpoint]) -> Result<String, NulByte> {
    let mut all = Vec::new();
    for (at, end) in endpoints.iter().enumerate() {
        if let Ok(address) = name("address", &end.address) {
            all.extend([at.to_string(), address.to_owned(), end.port.to_string()]);
        }
    }
    if all.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("connects {CONNECT_LIMIT_S} {}\n", words(all)?))
}

/// Contents of many files in one record a group: a program started for each would cost more than all else that is asked.
fn contents(calls: &mut String, request: &ProbeRequest) -> Result<(), NulByte> {
    let mut groups: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (at, file) in request.files.iter().enumerate() {
        if let (true, Ok(file_path)) = (file.content_limit > 0, path(&file.path)) {
            let limit = file.content_limit.saturating_add(1);
            let group = groups.entry(limit).or_default();
            group.extend([at.to_string(), file_path]);
        }
    }
    for (limit, files) in groups {
        let at_once = (CONTENTS_LIMIT / limit).clamp(1, 64) as usize;
        for files in files.chunks(2 * at_once) {
            calls.push_str(&format!("contents {limit} {}\n", words(files)?));
        }
    }
    Ok(())
}

fn services(calls: &mut String, queries: &[ServiceQuery]) -> Result<(), NulByte> {
    let units: Vec<String> = systemd_units(queries)
        .iter()
        .map(|unit| format!("{unit}.service"))
        .collect();
    call(calls, "units", &units)?;
    for (at, query) in queries.iter().enumerate() {
        let (ServiceManager::Process, Some(run_dir)) = (query.manager, &query.run_dir) else {
            continue;
        };
        if let (Ok(run_dir), Ok(unit)) = (path(run_dir), name("unit", &query.unit)) {
            calls.push_str(&format!(
                "plain_process {at} {}\n",
                words([run_dir.as_str(), unit])?
            ));
        }
    }
    Ok(())
}

/// systemd's units among the queries, in the order in which the program asks for them.
pub(super) fn systemd_units(queries: &[ServiceQuery]) -> Vec<&str> {
    let of_systemd = queries
        .iter()
        .filter(|q| q.manager == ServiceManager::Systemd);
    of_systemd
        .filter_map(|q| name("unit", &q.unit).ok())
        .collect()
}

/// Paths that can be asked for, each once.
pub(super) fn usable<'a>(paths: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for one in paths.into_iter().filter_map(|p| path(p).ok()) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

fn plain(what: &'static str, names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|n| name(what, n).is_ok())
        .cloned()
        .collect()
}

fn call(calls: &mut String, function: &str, arguments: &[String]) -> Result<(), NulByte> {
    if !arguments.is_empty() {
        calls.push_str(&format!("{function} {}\n", words(arguments)?));
    }
    Ok(())
}

fn indexed(calls: &mut String, function: &str, paths: &[String]) -> Result<(), NulByte> {
    for (at, one) in paths.iter().enumerate() {
        if let Ok(one) = path(one) {
            calls.push_str(&format!("{function} {at} {}\n", word(&one)?));
        }
    }
    Ok(())
}
