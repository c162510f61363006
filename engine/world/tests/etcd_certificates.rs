//! The cause of a TLS failure, told apart on real members: etcd's own tools call all of these `context deadline exceeded`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/support/etcd.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runbook_model::cluster::{MemberProbe, MemberQuery, SilentCause};
use runbook_model::host::MemberSpec;
use runbook_pki::layout::{Layout, Pair};
use runbook_pki::{Authority, Key, Leaf, Use};
use runbook_world::etcd::{
    Access, AccessError, AccessFiles, Destination, NoForward, Routes, member_probe, save_snapshot,
    write_probe,
};
use support::{Cluster, Options, now, versions};

const DAY: i64 = 86_400;
fn access(spec: &MemberSpec) -> Arc<Access> {
    Arc::new(Access::load(spec, &AccessFiles::default()).unwrap())
}

/// Cause and words, with the member's address and the directory taken out, and days given from today.
async fn silence(spec: &MemberSpec) -> (SilentCause, String) {
    silence_with(spec, &access(spec)).await
}

async fn silence_with(spec: &MemberSpec, access: &Arc<Access>) -> (SilentCause, String) {
    let query = MemberQuery {
        hash_at: None,
        timeout_ms: 5000,
    };
    match member_probe(&Routes::new(NoForward), spec, access, query).await {
        MemberProbe::Silent { cause, detail } => (
            cause,
            detail
                .replace(&format!("{}:{}", spec.address, spec.client_port), "MEMBER")
                .replace(&spec.address, "ADDRESS")
                .replace(&format!("{}/", spec.control_pki_dir), ""),
        ),
        serving => panic!("{serving:?}"),
    }
}

fn authority(cluster: &Cluster) -> Authority {
    let ca = Layout::new(cluster.pki()).ca();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    Authority::load(&read(&ca.cert), &read(&ca.key)).unwrap()
}

/// Replaces a pair by one of an authority's.
fn put(pair: &Pair, authority: &Authority, usage: Use, sans: &[&str], (days, at): (u32, i64)) {
    let key = Key::generate().unwrap();
    let leaf = Leaf {
        usage,
        common_name: "e1".to_owned(),
        sans: sans.iter().map(|s| (*s).to_owned()).collect(),
    };
    fs::write(&pair.cert, authority.issue(&leaf, &key, days, at).unwrap()).unwrap();
    fs::write(&pair.key, key.pem()).unwrap();
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

/// etcd reads its certificate again with every handshake: one member shows them all.
#[tokio::test]
async fn what_the_member_serves() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let server = Layout::new(cluster.pki()).server("e1");
        let ca = authority(&cluster);
        let at = now();
        let sans = [spec.address.as_str(), "localhost", "127.0.0.1"];

        put(&server, &ca, Use::Server, &sans, (10, at - 20 * DAY));
        let expired = format!(
            "the certificate that `MEMBER` serves expired on {}",
            rfc3339(at - 10 * DAY)
        );
        assert_eq!(silence(&spec).await, (SilentCause::Tls, expired));

        put(&server, &ca, Use::Server, &sans, (10, at + 20 * DAY));
        let early = format!(
            "the certificate that `MEMBER` serves is not valid before {}",
            rfc3339(at + 20 * DAY - 300)
        );
        assert_eq!(silence(&spec).await, (SilentCause::Tls, early));

        put(
            &server,
            &ca,
            Use::Server,
            &["e9.example", "198.18.0.9"],
            (10, at),
        );
        let named = "the certificate that `MEMBER` serves is not valid for `ADDRESS`: it names `e9.example`, `198.18.0.9`";
        assert_eq!(silence(&spec).await, (SilentCause::Tls, named.to_owned()));

        let other = Authority::create("other", Key::generate().unwrap(), at).unwrap();
        put(&server, &other, Use::Server, &sans, (10, at));
        let foreign = "the certificate that `MEMBER` serves was not issued by the CA `O=runbook, CN=test etcd CA`: its issuer is `O=runbook, CN=other etcd CA`";
        assert_eq!(silence(&spec).await, (SilentCause::Tls, foreign.to_owned()));

        put(&server, &ca, Use::Client, &sans, (10, at));
        let usage = "the certificate that `MEMBER` serves is not for serverAuth";
        assert_eq!(silence(&spec).await, (SilentCause::Tls, usage.to_owned()));

        put(&server, &ca, Use::Server, &sans, (10, at));
        let limit = Duration::from_secs(5);
        let connected = Routes::new(NoForward)
            .connect(&spec, &access(&spec), limit)
            .await
            .unwrap();
        assert_eq!(connected.certificate().unwrap().not_after, at + 10 * DAY);
    }
}

#[tokio::test]
async fn what_we_show_the_member() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let client = Layout::new(cluster.pki()).client();
        let ca = authority(&cluster);
        let at = now();

        put(&client, &ca, Use::Client, &[], (10, at - 20 * DAY));
        let expired = format!(
            "`MEMBER` refuses `client.crt`, which expired on {}",
            rfc3339(at - 10 * DAY)
        );
        assert_eq!(silence(&spec).await, (SilentCause::Tls, expired));

        put(&client, &ca, Use::Client, &[], (10, at + 20 * DAY));
        let early = format!(
            "`MEMBER` refuses `client.crt`, which is not valid before {}",
            rfc3339(at + 20 * DAY - 300)
        );
        assert_eq!(silence(&spec).await, (SilentCause::Tls, early));

        let other = Authority::create("other", Key::generate().unwrap(), at).unwrap();
        put(&client, &other, Use::Client, &[], (10, at));
        let foreign = "`MEMBER` refuses `client.crt`, which was not issued by the CA `O=runbook, CN=test etcd CA`: its issuer is `O=runbook, CN=other etcd CA`";
        assert_eq!(silence(&spec).await, (SilentCause::Tls, foreign.to_owned()));

        fs::remove_file(&client.key).unwrap();
        let half = Access::load(&spec, &AccessFiles::default()).unwrap_err();
        assert!(matches!(half, AccessError::Half { .. }), "{half}");
        fs::remove_file(&client.cert).unwrap();
        let none = "`MEMBER` wants a client certificate, and there is none to show";
        assert_eq!(silence(&spec).await, (SilentCause::Tls, none.to_owned()));
    }
}

/// Ours is sound by our CA, and the member trusts another one.
#[tokio::test]
async fn a_member_with_another_authority() {
    let cluster = Cluster::start(&Options::default());
    let spec = cluster.specs().remove(0);
    let at = now();
    let server_ca = cluster.pki().join("ca.crt");
    let both = cluster.dir.path().join("both.crt");
    let other = Authority::create("other", Key::generate().unwrap(), at).unwrap();
    let old = fs::read_to_string(&server_ca).unwrap();
    fs::write(&both, format!("{old}{}", other.pem())).unwrap();
    let own = Pair {
        cert: cluster.dir.path().join("own.crt"),
        key: cluster.dir.path().join("own.key"),
    };
    put(&own, &other, Use::Client, &[], (10, at));
    let files = AccessFiles {
        cacert: Some(both),
        cert: Some(own.cert),
        key: Some(own.key),
        server_name: None,
    };
    let access = Arc::new(Access::load(&spec, &files).unwrap());
    let (cause, detail) = silence_with(&spec, &access).await;
    assert_eq!(cause, SilentCause::Tls);
    assert!(
        detail.starts_with("`MEMBER` refuses `") && detail.contains("it trusts another CA"),
        "{detail}"
    );
}

/// What can be said without asking anybody.
#[tokio::test]
async fn files_that_will_not_be_taken() {
    let cluster = Cluster::prepare(&Options::default());
    let at = now();
    cluster.issue(at);
    let spec = cluster.specs().remove(0);
    let root = format!("{}/", spec.control_pki_dir);
    let said = |at: i64| {
        let error = access(&spec).check(at).unwrap_err().to_string();
        error.replace(&root, "")
    };
    access(&spec).check(at).unwrap();
    assert_eq!(access(&spec).client_not_after(), Some(at + 30 * DAY));
    let ended = rfc3339(at + 30 * DAY);
    assert_eq!(
        said(at + 31 * DAY),
        format!("`client.crt` expired on {ended}")
    );
    let begins = rfc3339(at - 300);
    assert_eq!(
        said(at - DAY),
        format!("`ca.crt` is not valid before {begins}")
    );
    fs::remove_file(cluster.pki().join("ca.crt")).unwrap();
    let gone = Access::load(&spec, &AccessFiles::default()).unwrap_err();
    assert!(
        gone.to_string()
            .ends_with("ca.crt`: No such file or directory (os error 2)")
    );
    assert!(gone.help().contains("pki_dir"));
}

/// A restored snapshot may bring authentication back: our client's common name is etcd's root.
#[tokio::test]
async fn with_authentication_on() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        cluster.etcdctl(0, &["user", "add", "root:secret"]);
        cluster.etcdctl(0, &["role", "add", "root"]);
        cluster.etcdctl(0, &["user", "grant-role", "root", "root"]);
        cluster.etcdctl(0, &["auth", "enable"]);
        let spec = cluster.specs().remove(0);
        let routes = Routes::new(NoForward);
        let query = MemberQuery {
            hash_at: Some(0),
            timeout_ms: 5000,
        };
        let MemberProbe::Serving(status) =
            member_probe(&routes, &spec, &access(&spec), query).await
        else {
            panic!("serving");
        };
        assert_eq!(status.members.map(|m| m.len()), Some(1));
        assert!(status.hash.is_some());
        let members = [(spec.clone(), access(&spec))];
        let limit = Duration::from_secs(10);
        write_probe(&routes, &members, "r", limit).await.unwrap();
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("backup.db");
        let destination = Destination {
            path: &file,
            run: "r",
            replace: false,
            idle: limit,
        };
        let saved = save_snapshot(&routes, &spec, &access(&spec), destination, &mut |_, _| {})
            .await
            .unwrap();
        assert!(saved.manifest.auth_enabled);
    }
}

/// Nothing of a key in what may be logged.
#[tokio::test]
async fn an_access_keeps_its_key_to_itself() {
    let cluster = Cluster::prepare(&Options::default());
    cluster.issue(now());
    let spec = cluster.specs().remove(0);
    let shown = format!("{:?}", access(&spec));
    let key = fs::read_to_string(Layout::new(cluster.pki()).client().key).unwrap();
    let body = key.lines().nth(1).unwrap();
    assert!(
        !shown.contains(body) && !shown.contains("PRIVATE"),
        "{shown}"
    );
    assert!(shown.contains("client.crt"), "{shown}");
    fs::write(
        Layout::new(cluster.pki()).client().key,
        format!("garbage {body}"),
    )
    .unwrap();
    let error = Access::load(&spec, &AccessFiles::default()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(body));
    assert!(
        error
            .to_string()
            .ends_with("client.key` holds no PEM private key")
    );
}

/// What the rotation of certificates stands on: etcd reads certificate and key anew for every connection, on both of its ports, and
/// its CA file when it starts and never again.
#[tokio::test]
async fn leaves_are_read_for_every_connection_and_the_ca_file_at_the_start() {
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let layout = Layout::new(cluster.pki());
        let sans = [spec.address.as_str(), "localhost", "127.0.0.1"];
        let query = MemberQuery {
            hash_at: None,
            timeout_ms: 5000,
        };
        let ask = || async {
            match member_probe(&Routes::new(NoForward), &spec, &access(&spec), query).await {
                MemberProbe::Serving(status) => {
                    (status.certificate_serial, status.certificate_issued)
                }
                silent => panic!("{version}: {silent:?}"),
            }
        };
        let old = authority(&cluster);
        let (first, issued) = ask().await;
        assert!(first.is_some() && first == issued);
        put(&layout.server("e1"), &old, Use::Server, &sans, (10, now()));
        let (second, issued) = ask().await;
        assert!(second == issued && second != first, "{version}: {second:?}");

        // A CA file with a second authority: known to us at once, to the member after its restart.
        let new = Authority::succeed("test", Key::generate().unwrap(), now()).unwrap();
        fs::write(layout.ca().cert, format!("{}{}", old.pem(), new.pem())).unwrap();
        put(&layout.server("e1"), &new, Use::Server, &sans, (10, now()));
        assert_eq!(
            ask().await.0,
            ask().await.1,
            "{version}: served by the new authority"
        );
        put(&layout.client(), &new, Use::Client, &[], (10, now()));
        let (cause, text) = silence(&spec).await;
        assert_eq!(cause, SilentCause::Tls, "{version}: {text}");
        assert!(text.contains("MEMBER` refuses `client.crt`"), "{text}");
        cluster.kill(0);
        cluster.run(0, "existing");
        cluster.wait_healthy();
        assert!(ask().await.0.is_some(), "{version}: both are trusted");

        // And one that lost its old authority refuses what that one issued, after its restart.
        put(&layout.client(), &old, Use::Client, &[], (10, now()));
        ask().await;
        fs::write(layout.ca().cert, new.pem()).unwrap();
        ask().await;
        cluster.kill(0);
        cluster.run(0, "existing");
        cluster.wait_healthy();
        let (cause, text) = silence(&spec).await;
        assert_eq!(cause, SilentCause::Tls, "{version}: {text}");
        assert!(
            text.contains("refuses `client.crt`, which was not issued by"),
            "{text}"
        );
    }
}
