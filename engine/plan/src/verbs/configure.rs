//! `configure member`: the environment file, from the inventory.

use runbook_model::action::Action;
use runbook_model::facts::{FileKind, ProbeRequest};
use runbook_model::guard;
use runbook_model::host::MemberSpec;
use runbook_model::plan::Change;
use serde_json::Value as Json;

use super::file::put;
use super::{Call, Draft, Site, Work, cluster, data, peers, with_content};
use crate::error::{Fault, Outcome, shown};
use crate::{context, envfile, files, member, paths, template};

const TOKEN: &str = "ETCD_INITIAL_CLUSTER_TOKEN";

/// The token of clusters that this run forms: no two runs share one, or their clusters would have the same ids and talk.
pub(crate) fn token_of_run(cluster: &str, run: &str) -> String {
    format!("{cluster}-{run}")
}

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let spec = call.member()?;
    Ok(ProbeRequest {
        files: vec![with_content(spec.config.clone())],
        dirs: vec![
            paths::parent(&spec.config).to_owned(),
            spec.data_dir.clone(),
        ],
        data_dirs: vec![spec.data_dir.clone()],
        ..ProbeRequest::default()
    })
}

pub(super) fn work(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    let state = call.known("state")?;
    let mut given = context::of(site)?;
    let token = token(site, spec, &state);
    if state == "existing"
        && let Some(members) = cluster::initial_cluster(site)
    {
        let members = Json::from(members);
        given.values.insert("initial_cluster".to_owned(), members);
    }
    let peers = peers::of(site, spec, &state)?;
    if let Some(Json::Object(fields)) = given.values.get_mut("member") {
        fields.insert("peer_url".to_owned(), Json::from(peers.url.as_str()));
        fields.insert("listen_peer_urls".to_owned(), Json::from(peers.listen));
        fields.insert("peer_tls".to_owned(), Json::from(peers.tls));
    }
    given.values.insert("state".to_owned(), Json::from(state));
    given.values.insert("token".to_owned(), Json::from(token));
    let text = template::find(call.run.checked, template::CONFIG)?;
    let content = template::render(
        template::CONFIG,
        text,
        call.host.as_str(),
        &given.values,
        &given.secrets,
    )?;
    let mut work = Work::default();
    if peers.stays {
        work.notes.push(format!(
            "peers go on reaching {} at {}, as the cluster lists it: member-update.etcdrb moves it to {}",
            spec.name,
            peers.url,
            spec.peer_url()
        ));
    }
    work.drafts.extend(data_dir(site, spec));
    let mut drafts = put(site, &spec.config, content.clone(), files::public(0o644))?;
    if bootstraps(site, spec)
        && let Some(config) = drafts.last_mut()
        && !config.undo.is_empty()
    {
        config.undo.push(Action::ArchiveDataDir {
            data_dir: spec.data_dir.clone(),
            aside: data::failed(site, spec),
        });
    }
    work.notes
        .extend(restart_note(site, spec, &drafts, &content));
    work.drafts.extend(drafts);
    Ok(work)
}

/// What the restored data says; else what the formed cluster's config says; else this run's own.
fn token(site: &Site<'_>, spec: &MemberSpec, state: &str) -> String {
    let run = site.call.run;
    let data = site.facts.data_dirs.get(&spec.data_dir);
    if let Some(origin) = data.and_then(|d| d.origin.as_ref())
        && origin.run == run.id
    {
        return origin.token.clone();
    }
    let standing = site
        .facts
        .files
        .get(&spec.config)
        .and_then(|f| f.content.as_deref())
        .and_then(|text| envfile::get(text, TOKEN))
        .filter(|token| !token.is_empty());
    match standing.or_else(|| others_token(site)) {
        Some(token) if state == "existing" => token,
        _ => token_of_run(run.cluster, run.id),
    }
}

/// One that joins says what the members say.
fn others_token(site: &Site<'_>) -> Option<String> {
    site.call.run.members.iter().find_map(|other| {
        guard::listed(&other.host, site.view)?;
        let file = site.view.facts(&other.host)?.files.get(&other.config)?;
        envfile::get(file.content.as_deref()?, TOKEN).filter(|token| !token.is_empty())
    })
}

/// A data dir of its own, where there is none: etcd's user may not make one in the system's directories.
fn data_dir(site: &Site<'_>, spec: &MemberSpec) -> Option<Draft> {
    let exists = site
        .facts
        .data_dirs
        .get(&spec.data_dir)
        .is_some_and(|d| d.exists);
    if exists {
        return None;
    }
    files::missing_directory(
        site.facts,
        &spec.data_dir,
        files::owned(0o700, member::owner(spec, Some(site.facts))),
    )
}

/// The member is yet to make its data: what it makes goes aside if the run is taken back, or the next one would find it.
fn bootstraps(site: &Site<'_>, spec: &MemberSpec) -> bool {
    site.facts
        .data_dirs
        .get(&spec.data_dir)
        .is_some_and(|d| !d.exists || d.empty)
}

/// A running member reads its config only when it starts; the lines of the bootstrap it never reads again.
fn restart_note(
    site: &Site<'_>,
    spec: &MemberSpec,
    drafts: &[Draft],
    content: &str,
) -> Option<String> {
    let running = site
        .facts
        .services
        .get(&spec.unit)
        .is_some_and(|s| s.is_running());
    let changes = drafts
        .iter()
        .any(|d| matches!(d.change, Change::Changes { .. }));
    let old = site.facts.files.get(&spec.config)?;
    if !running || !changes || old.kind != FileKind::File {
        return None;
    }
    let lasting = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("ETCD_INITIAL_") && !line.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let old = old.content.as_deref().unwrap_or_default();
    (lasting(old) != lasting(content)).then(|| {
        format!(
            "{} changes while etcd runs: it is read at the next restart",
            spec.config
        )
    })
}

/// Line breaks would add settings to an environment file, and a data dir is moved as a whole. The inventory refuses more, and
/// points at the line; this holds for members from anywhere.
pub(crate) fn fit(spec: &MemberSpec) -> Outcome<()> {
    let texts = [
        ("etcd_name", &spec.name),
        ("etcd_cluster", &spec.cluster),
        ("etcd_address", &spec.address),
        ("etcd_data_dir", &spec.data_dir),
        ("etcd_pki_dir", &spec.pki_dir),
        ("etcd_config", &spec.config),
        ("etcd_unit", &spec.unit),
        ("etcd_user", &spec.user),
    ];
    let extra = spec
        .extra
        .iter()
        .flat_map(|(name, value)| [("etcd_extra", name), (name.as_str(), value)]);
    for (what, value) in texts.into_iter().chain(extra) {
        if value.chars().any(char::is_control) {
            return Err(Fault::UnsafeValue {
                what: what.to_owned(),
                host: spec.host.to_string(),
                why: "has control characters or line breaks".to_owned(),
                value: shown(value),
            }
            .into());
        }
    }
    for path in [&spec.pki_dir, &spec.config]
        .into_iter()
        .chain(&spec.bin_dir)
    {
        paths::absolute(path)?;
    }
    paths::replaceable(&spec.data_dir)
}
