//! The ids that etcd gives a cluster and its members on bootstrap and on restore.
//!
//! Source: etcd `server/etcdserver/api/membership`, `computeMemberID` and `genID`, and `client/pkg/types`, `NewURLs`.

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};

/// Why no id can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No member, or a member without a URL.
    #[error("the initial cluster names no peer URL")]
    NoUrl,
    /// etcd refuses the URL.
    #[error("`{url}` is not a peer URL of the form `https://host:port`")]
    Url {
        /// The URL.
        url: String,
    },
    /// Two members with the same peer URLs have the same id: etcd refuses them.
    #[error("two members have the same peer URLs `{urls}`")]
    Twice {
        /// The URLs.
        urls: String,
    },
}

/// Id of a member of a cluster bootstrapped or restored with that token.
///
/// # Errors
/// Where etcd would refuse the URLs.
pub fn member_id<S: AsRef<str>>(peer_urls: &[S], token: &str) -> Result<u64, IdError> {
    let mut urls = Vec::new();
    for url in peer_urls {
        let url = url.as_ref().trim();
        check(url)?;
        urls.push(url);
    }
    if urls.is_empty() {
        return Err(IdError::NoUrl);
    }
    urls.sort_unstable();
    let mut hasher = Sha1::new();
    for url in urls {
        hasher.update(url);
    }
    hasher.update(token);
    Ok(head(hasher))
}

/// Id of the cluster that `--initial-cluster-token` and `--initial-cluster` (`name=url,name=url`) make.
///
/// # Errors
/// Where etcd would refuse the initial cluster.
pub fn cluster_id(token: &str, initial_cluster: &str) -> Result<u64, IdError> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in initial_cluster.split(',').filter(|pair| !pair.is_empty()) {
        let (name, url) = pair.split_once('=').unwrap_or((pair, ""));
        members.entry(name).or_default().push(url);
    }
    let mut ids = BTreeMap::new();
    for urls in members.values() {
        if ids.insert(member_id(urls, token)?, ()).is_some() {
            let urls = urls.join(",");
            return Err(IdError::Twice { urls });
        }
    }
    if ids.is_empty() {
        return Err(IdError::NoUrl);
    }
    let mut hasher = Sha1::new();
    for id in ids.keys() {
        hasher.update(id.to_be_bytes());
    }
    Ok(head(hasher))
}

fn head(hasher: Sha1) -> u64 {
    let sum: [u8; 20] = hasher.finalize().into();
    sum.first_chunk()
        .map_or(0, |head| u64::from_be_bytes(*head))
}

/// As strict as etcd about scheme, port and path.
fn check(url: &str) -> Result<(), IdError> {
    let refused = || IdError::Url {
        url: url.to_owned(),
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
    match scheme {
        "unix" | "unixs" => Ok(()),
        "http" | "https" => {
            let (host, port) = rest.rsplit_once(':').ok_or_else(refused)?;
            let bracketed = host.starts_with('[') && host.ends_with(']');
            let plain = !host.contains([':', '[', ']', '/', '?', '#', ' ']);
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            ((bracketed || plain) && digits)
                .then_some(())
                .ok_or_else(refused)
        }
        _ => Err(refused()),
    }
}
