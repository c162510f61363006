//! A member as templates and texts see it.

use runbook_model::facts::HostFacts;
use runbook_model::host::{MemberSpec, Scheme};
use serde_json::{Map, Value as Json, json};

/// Where the distribution puts etcd.
const PACKAGED: &str = "/usr/bin";

/// Where a release archive is unpacked without `etcd_bin_dir`.
pub(crate) const UNPACKED: &str = "/usr/local/bin";

/// Every field of `member`.
pub(crate) fn fields(spec: &MemberSpec, facts: Option<&HostFacts>) -> Map<String, Json> {
    let value = json!({
        "name": spec.name,
        "host": spec.host.as_str(),
        "cluster": spec.cluster,
        "address": spec.address,
        "scheme": spec.scheme.to_string(),
        "client_port": spec.client_port,
        "peer_port": spec.peer_port,
        "client_url": spec.client_url(),
        "peer_url": spec.peer_url(),
        "listen_client_urls": listen_client_urls(spec),
        "listen_peer_urls": listen(&spec.address, spec.peer_scheme(), spec.peer_port),
        "peer_scheme": spec.peer_scheme().to_string(),
        "peer_tls": spec.peer_scheme() == Scheme::Https,
        "data_dir": spec.data_dir,
        "pki_dir": spec.pki_dir,
        "config": spec.config,
        "unit": spec.unit,
        "user": owner(spec, facts),
        "binary": binary(spec, facts, "etcd"),
        "quota_bytes": spec.quota_bytes,
        "extra": spec.extra,
    });
    match value {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// etcd binds to addresses only: a DNS name listens on all of them.
fn listen(address: &str, scheme: Scheme, port: u16) -> String {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(_)) => format!("{scheme}://[{address}]:{port}"),
        Ok(_) => format!("{scheme}://{address}:{port}"),
        Err(_) => format!("{scheme}://0.0.0.0:{port}"),
    }
}

/// Where a member listens that others reach at this peer URL; none where it is no such URL.
pub(crate) fn listens_for(peer_url: &str) -> Option<(String, Scheme)> {
    let (scheme, rest) = peer_url.split_once("://")?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return None,
    };
    let port = rest.trim_end_matches('/').rsplit_once(':')?.1;
    let address = address_in(peer_url)?;
    Some((listen(&address, scheme, port.parse().ok()?), scheme))
}

/// The address in a URL, without brackets; none where it has none.
pub(crate) fn address_in(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (address, _) = rest.rsplit_once(':')?;
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// The advertised address, and loopback for tools on the host itself.
fn listen_client_urls(spec: &MemberSpec) -> String {
    let own = listen(&spec.address, spec.scheme, spec.client_port);
    let covered = spec
        .address
        .parse::<std::net::IpAddr>()
        .map_or(true, |ip| ip.is_loopback() || ip.is_unspecified());
    if covered {
        own
    } else {
        format!("{own},{}://127.0.0.1:{}", spec.scheme, spec.client_port)
    }
}

/// Who owns the member's data and keys: `etcd_user`, or the user that the run is on the host.
pub(crate) fn owner<'a>(spec: &'a MemberSpec, facts: Option<&'a HostFacts>) -> &'a str {
    match facts {
        Some(facts) if spec.user.is_empty() => &facts.user,
        _ => &spec.user,
    }
}

/// Absolute path of a binary: in the directory that the inventory names, else as found on the host, else the package's.
pub(crate) fn binary(spec: &MemberSpec, facts: Option<&HostFacts>, name: &str) -> String {
    if let Some(dir) = &spec.bin_dir {
        return format!("{dir}/{name}");
    }
    facts
        .and_then(|f| f.tools.iter().find(|t| t.name == name))
        .map_or_else(|| format!("{PACKAGED}/{name}"), |t| t.path.clone())
}

/// `name=url` of every member, in inventory order: `--initial-cluster`.
pub(crate) fn initial_cluster<'a>(members: impl Iterator<Item = &'a MemberSpec>) -> String {
    members
        .map(|m| format!("{}={}", m.name, m.peer_url()))
        .collect::<Vec<_>>()
        .join(",")
}
