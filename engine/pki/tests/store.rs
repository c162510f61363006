//! A directory of certificates: made, made again, mended, and the user's own respected.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use runbook_model::action::{CertificateRequest, Rotation};
use runbook_pki::layout::Layout;
use runbook_pki::{
    Authority, Fault, Item, Key, Leaf, PkiError, Use, Wanted, What, ensure, inspect, plan,
    plan_rotation, reinstate, rotate,
};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn members() -> Vec<CertificateRequest> {
    ["e1", "e2"]
        .iter()
        .enumerate()
        .map(|(i, name)| CertificateRequest {
            name: (*name).to_owned(),
            dns: vec![format!("{name}.example")],
            ips: vec![format!("198.18.0.{}", i + 1), format!("fd00::{}", i + 1)],
            server: true,
            peer: true,
        })
        .collect()
}

fn wanted<'a>(dir: &'a Path, members: &'a [CertificateRequest]) -> Wanted<'a> {
    Wanted {
        dir,
        cluster: "blue",
        members,
        days: 365,
        renew_s: None,
        aside: None,
    }
}

fn openssl_verify(dir: &Path, purpose: &str, cert: &Path) {
    let out = Command::new("openssl")
        .args(["verify", "-x509_strict", "-attime", &NOW.to_string()])
        .args(["-purpose", purpose, "-CAfile"])
        .arg(dir.join("ca.crt"))
        .arg(cert)
        .output()
        .expect("openssl");
    assert!(
        out.status.success(),
        "{}: {}",
        cert.display(),
        String::from_utf8_lossy(&out.stderr)
    );
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
}

#[test]
fn makes_all_of_it_once() {
    let root = tempfile::tempdir().expect("temp dir");
    let dir = root.path().join("deep/pki");
    let members = members();
    let wanted = wanted(&dir, &members);

    let planned = plan(&wanted, NOW).expect("plan");
    assert!(!dir.exists(), "plan writes nothing");
    assert!(planned.iter().all(|c| c.what == What::Create));
    assert_eq!(ensure(&wanted, NOW).expect("ensure"), planned);
    assert_eq!(ensure(&wanted, NOW + DAY).expect("again"), Vec::new());

    let layout = Layout::new(&dir);
    for pair in [
        layout.ca(),
        layout.client(),
        layout.server("e1"),
        layout.peer("e2"),
    ] {
        assert_eq!(mode(&pair.key), 0o600, "{}", pair.key.display());
        assert_eq!(mode(&pair.cert), 0o644);
        assert_eq!(mode(pair.key.parent().expect("parent")), 0o700);
    }
    let left: Vec<_> = fs::read_dir(dir.join("e1"))
        .expect("dir")
        .map(|e| e.expect("entry").file_name())
        .collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn what_openssl_thinks_of_it() {
    let dir = tempfile::tempdir().expect("temp dir");
    let members = members();
    ensure(&wanted(dir.path(), &members), NOW).expect("ensure");
    let layout = Layout::new(dir.path());
    for (purpose, cert) in [
        ("sslserver", layout.server("e1").cert),
        ("sslclient", layout.server("e1").cert),
        ("sslserver", layout.peer("e2").cert),
        ("sslclient", layout.peer("e2").cert),
        ("sslclient", layout.client().cert),
    ] {
        openssl_verify(dir.path(), purpose, &cert);
    }
    let out = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(layout.server("e1").cert)
        .output()
        .expect("openssl");
    let text = String::from_utf8(out.stdout).expect("utf-8");
    for part in [
        "O = runbook, CN = e1",
        "DNS:e1.example, IP Address:198.18.0.1, IP Address:FD00:0:0:0:0:0:0:1, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
        "CA:FALSE",
        "prime256v1",
        "TLS Web Server Authentication, TLS Web Client Authentication",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn what_inspect_reads() {
    let dir = tempfile::tempdir().expect("temp dir");
    let members = members();
    ensure(&wanted(dir.path(), &members), NOW).expect("ensure");
    let layout = Layout::new(dir.path());
    let ca = inspect(&fs::read_to_string(layout.ca().cert).expect("read")).expect("inspect");
    assert!(ca.is_ca);
    assert_eq!(ca.subject, "O=runbook, CN=blue etcd CA");
    assert_eq!(ca.not_before, NOW - 300);
    assert_eq!(ca.not_after, NOW + 3653 * DAY);
    let peer =
        inspect(&fs::read_to_string(layout.peer("e2").cert).expect("read")).expect("inspect");
    assert_eq!(peer.issuer, ca.subject);
    assert_eq!(peer.sans, ["e2.example", "198.18.0.2", "fd00::2"]);
    assert_eq!(peer.usages, ["serverAuth", "clientAuth"]);
    assert_eq!(peer.not_after, NOW + 365 * DAY);
    let client =
        inspect(&fs::read_to_string(layout.client().cert).expect("read")).expect("inspect");
    assert_eq!(client.subject, "O=runbook, CN=root");
    assert_eq!(client.usages, ["clientAuth"]);
}

#[test]
fn issues_again_only_what_no_longer_serves() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut members = members();
    ensure(&wanted(dir.path(), &members), NOW).expect("ensure");
    let layout = Layout::new(dir.path());
    let ca = fs::read(layout.ca().cert).expect("read");
    let e2 = fs::read(layout.server("e2").cert).expect("read");

    members[0].ips.push("198.18.0.9".to_owned());
    let changed = ensure(&wanted(dir.path(), &members), NOW).expect("ensure");
    let items: Vec<_> = changed.iter().map(|c| &c.item).collect();
    assert_eq!(
        items,
        [&Item::Server("e1".to_owned()), &Item::Peer("e1".to_owned())]
    );
    assert_eq!(
        changed[0].to_string(),
        "issue `e1/server.crt` again: the present one is not valid for `198.18.0.9`: it names `e1.example`, `198.18.0.1`, `fd00::1`, `localhost`, `127.0.0.1`, `::1`"
    );
    assert_eq!(fs::read(layout.server("e2").cert).expect("read"), e2);

    let near = NOW + 365 * DAY - 3600;
    let changed = ensure(&wanted(dir.path(), &members), near).expect("ensure");
    assert_eq!(changed.len(), 5);
    assert!(changed.iter().all(|c| matches!(c.what, What::Renew { .. })));
    assert_eq!(fs::read(layout.ca().cert).expect("read"), ca);

    let late = NOW + 3000 * DAY;
    let changed = ensure(&wanted(dir.path(), &members), late).expect("ensure");
    assert!(changed.iter().all(|c| matches!(
        c.what,
        What::Reissue {
            why: Fault::Expired { .. }
        }
    )));
    // No leaf outlives the authority.
    let last = NOW + 3653 * DAY - 100 * DAY;
    ensure(&wanted(dir.path(), &members), last + 50 * DAY).expect("ensure");
    let leaf = inspect(&fs::read_to_string(layout.client().cert).expect("read")).expect("inspect");
    assert_eq!(leaf.not_after, NOW + 3653 * DAY);
}

/// A run that was cut off between two files.
#[test]
fn mends_what_a_cut_off_run_left() {
    let dir = tempfile::tempdir().expect("temp dir");
    let members = members();
    let wanted = wanted(dir.path(), &members);
    let layout = Layout::new(dir.path());
    let key = Key::generate().expect("key");
    fs::write(layout.ca().key, key.pem()).expect("write");
    ensure(&wanted, NOW).expect("a key alone gets its certificate");
    assert_eq!(
        fs::read_to_string(layout.ca().key).expect("read"),
        key.pem()
    );
    // The new key stands, the certificate is still the old one.
    fs::write(layout.peer("e1").key, Key::generate().expect("key").pem()).expect("write");
    fs::remove_file(layout.server("e2").cert).expect("remove");
    fs::remove_file(layout.client().key).expect("remove");
    let changed = ensure(&wanted, NOW).expect("ensure");
    let texts: Vec<_> = changed.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "issue `client.crt` again: the present one holds no PEM private key",
            "issue `e1/peer.crt` again: the present one does not belong to the private key beside it",
            "create `e2/server.crt`",
        ]
    );
    assert_eq!(ensure(&wanted, NOW).expect("ensure"), Vec::new());
}

/// The user's own authority without its key, and leaves made elsewhere.
struct Own {
    dir: tempfile::TempDir,
    authority: Authority,
}

impl Own {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let authority = Authority::create("corp", Key::generate().expect("key"), NOW).expect("ca");
        fs::write(dir.path().join("ca.crt"), authority.pem()).expect("write");
        let own = Self { dir, authority };
        let members = members();
        own.leaf(&Layout::new(own.dir.path()).client(), Use::Client, &[]);
        for m in &members {
            let layout = Layout::new(own.dir.path());
            fs::create_dir(own.dir.path().join(&m.name)).expect("dir");
            let mut sans: Vec<&str> = m.dns.iter().chain(&m.ips).map(String::as_str).collect();
            own.leaf(&layout.peer(&m.name), Use::Peer, &sans);
            sans.extend(["localhost", "127.0.0.1", "::1"]);
            own.leaf(&layout.server(&m.name), Use::Server, &sans);
        }
        own
    }

    fn leaf(&self, pair: &runbook_pki::layout::Pair, usage: Use, sans: &[&str]) {
        let key = Key::generate().expect("key");
        let leaf = Leaf {
            usage,
            common_name: "own".to_owned(),
            sans: sans.iter().map(|s| (*s).to_owned()).collect(),
        };
        let pem = self.authority.issue(&leaf, &key, 30, NOW).expect("issue");
        fs::write(&pair.cert, pem).expect("write");
        fs::write(&pair.key, key.pem()).expect("write");
    }

    fn refusal(&self, now: i64) -> String {
        let members = members();
        let wanted = wanted(self.dir.path(), &members);
        let before = snapshot(self.dir.path());
        let error = ensure(&wanted, now).expect_err("refused");
        assert_eq!(
            plan(&wanted, now).expect_err("refused").to_string(),
            error.to_string()
        );
        assert_eq!(snapshot(self.dir.path()), before, "nothing is written");
        assert!(!error.help().is_empty());
        assert!(!format!("{error:?} {error}").contains("PRIVATE"));
        let root = format!("{}/", self.dir.path().display());
        error.to_string().replace(&root, "")
    }
}

fn snapshot(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("dir") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            all.extend(snapshot(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).expect("read")));
        }
    }
    all.sort();
    all
}

#[test]
fn accepts_the_users_own() {
    let own = Own::new();
    let members = members();
    let wanted = wanted(own.dir.path(), &members);
    let before = snapshot(own.dir.path());
    assert_eq!(ensure(&wanted, NOW).expect("ensure"), Vec::new());
    assert_eq!(snapshot(own.dir.path()), before);
}

#[test]
fn refuses_what_of_the_users_own_does_not_serve() {
    let own = Own::new();
    let layout = Layout::new(own.dir.path());
    own.leaf(&layout.peer("e1"), Use::Client, &["e1.example"]);
    says(
        &own.refusal(NOW),
        "`e1/peer.crt` is not valid for `198.18.0.1`, `fd00::1`: it names `e1.example`",
    );
    own.leaf(
        &layout.peer("e1"),
        Use::Client,
        &["e1.example", "198.18.0.1", "fd00::1"],
    );
    says(&own.refusal(NOW), "`e1/peer.crt` is not for serverAuth");
    says(
        &own.refusal(NOW + 31 * DAY),
        "`client.crt` expired on 2027-02-14T08:00:00Z",
    );
    says(
        &own.refusal(NOW - DAY),
        "`ca.crt` is not valid before 2027-01-15T07:55:00Z",
    );
    fs::write(layout.client().key, Key::generate().expect("key").pem()).expect("write");
    says(
        &own.refusal(NOW),
        "`client.crt` does not belong to the private key beside it",
    );
    fs::remove_file(layout.client().key).expect("remove");
    says(
        &own.refusal(NOW),
        "`client.crt` has no private key beside it",
    );
    fs::remove_file(layout.client().cert).expect("remove");
    says(
        &own.refusal(NOW),
        "`client.crt` is missing and cannot be issued: `ca.key` is not there",
    );
    fs::remove_file(layout.ca().cert).expect("remove");
    own.leaf(&layout.client(), Use::Client, &[]);
    says(
        &own.refusal(NOW),
        "`client.crt` is there, but `ca.crt`, which issued it, is not",
    );
}

#[test]
fn refuses_leaves_of_another_authority() {
    let own = Own::new();
    let other = Authority::create("other", Key::generate().expect("key"), NOW).expect("ca");
    fs::write(own.dir.path().join("ca.crt"), other.pem()).expect("write");
    says(
        &own.refusal(NOW),
        "`client.crt` was not issued by the CA `O=runbook, CN=other etcd CA`: its issuer is `O=runbook, CN=corp etcd CA`",
    );
    let same_name = Authority::create("corp", Key::generate().expect("key"), NOW).expect("ca");
    fs::write(own.dir.path().join("ca.crt"), same_name.pem()).expect("write");
    assert!(
        own.refusal(NOW)
            .starts_with("`client.crt` was not issued by the CA")
    );
    let leaf = fs::read_to_string(own.dir.path().join("client.crt")).expect("read");
    fs::write(own.dir.path().join("ca.crt"), leaf).expect("write");
    says(&own.refusal(NOW), "`ca.crt` is not a certificate authority");
    fs::write(own.dir.path().join("ca.crt"), "hello").expect("write");
    says(&own.refusal(NOW), "`ca.crt` holds no PEM certificate");
}

#[test]
fn a_members_name_stays_in_the_directory() {
    let dir = tempfile::tempdir().expect("temp dir");
    for name in ["../e1", "/etc", "", "..", "a/b", "a\0b"] {
        let mut members = members();
        members[1].name = name.to_owned();
        let error = ensure(&wanted(dir.path(), &members), NOW).expect_err("refused");
        assert!(matches!(error, PkiError::BadName { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 0);
}

/// As OpenSSL, cfssl and kubeadm make them.
#[test]
fn authorities_made_elsewhere_issue() {
    for (make, header) in [
        (
            "openssl ecparam -name prime256v1 -genkey -noout -out ca.key",
            "-----BEGIN EC PRIVATE KEY-----",
        ),
        (
            "openssl ecparam -name secp384r1 -genkey -noout -out ca.key",
            "-----BEGIN EC PRIVATE KEY-----",
        ),
        (
            "openssl genrsa -traditional -out ca.key 2048",
            "-----BEGIN RSA PRIVATE KEY-----",
        ),
        (
            "openssl genpkey -algorithm RSA -out ca.key",
            "-----BEGIN PRIVATE KEY-----",
        ),
        (
            "openssl genpkey -algorithm ed25519 -out ca.key",
            "-----BEGIN PRIVATE KEY-----",
        ),
    ] {
        let dir = tempfile::tempdir().expect("temp dir");
        sh(
            dir.path(),
            &format!(
                "{make}
                openssl req -x509 -new -key ca.key -subj '/C=DE/O=Corp/CN=Corp Root' -days 30 -out ca.crt"
            ),
        );
        let key = fs::read_to_string(dir.path().join("ca.key")).expect("read");
        assert!(key.contains(header), "{make}");
        let members = members();
        let now = inspect(&fs::read_to_string(dir.path().join("ca.crt")).expect("read"))
            .expect("inspect")
            .not_before;
        let wanted = wanted(dir.path(), &members);
        let planned = plan(&wanted, now).expect("plan");
        assert_eq!(planned[0].to_string(), "keep `ca.crt`, which is your own");
        assert_eq!(ensure(&wanted, now).expect(make).len(), 5);
        assert_eq!(ensure(&wanted, now).expect(make), Vec::new());
        sh(
            dir.path(),
            "openssl verify -CAfile ca.crt e1/server.crt e2/peer.crt client.crt",
        );
        assert_eq!(
            fs::read_to_string(dir.path().join("ca.key")).expect("read"),
            key
        );
    }
}

#[test]
fn an_authority_that_cannot_issue() {
    let dir = tempfile::tempdir().expect("temp dir");
    let members = members();
    let refusal = |make: &str| {
        sh(dir.path(), make);
        let now = inspect(&fs::read_to_string(dir.path().join("ca.crt")).expect("read"))
            .expect("inspect")
            .not_before;
        let error = ensure(&wanted(dir.path(), &members), now).expect_err("refused");
        error
            .to_string()
            .replace(&format!("{}/", dir.path().display()), "")
    };
    says(
        &refusal(
            "openssl ecparam -name secp521r1 -genkey -noout -out ca.key
             openssl req -x509 -new -key ca.key -subj /CN=Root -days 30 -out ca.crt",
        ),
        "`ca.key` holds no key of EC P-256, EC P-384, RSA or Ed25519",
    );
    says(
        &refusal(
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x -out ca.key
             openssl req -x509 -new -key ca.key -passin pass:x -subj /CN=Root -days 30 -out ca.crt",
        ),
        "`ca.key` holds a private key under a passphrase, which etcd cannot read",
    );
    says(
        &refusal(
            "openssl ecparam -name prime256v1 -genkey -noout -out other.key
             openssl req -x509 -new -key other.key -subj /CN=Root -days 30 -out ca.crt
             openssl ecparam -name prime256v1 -genkey -noout -out ca.key",
        ),
        "`ca.crt` does not belong to the private key beside it",
    );
}

fn sh(dir: &Path, script: &str) {
    let out = Command::new("sh")
        .args(["-ec", script])
        .current_dir(dir)
        .output()
        .expect("sh");
    assert!(
        out.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn ipv6_and_ipv4_addresses_are_compared_as_addresses() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut members = members();
    ensure(&wanted(dir.path(), &members), NOW).expect("ensure");
    members[0].ips[1] = "FD00:0::1".to_owned();
    assert!(members[0].ips[1].parse::<IpAddr>().is_ok());
    assert_eq!(
        ensure(&wanted(dir.path(), &members), NOW).expect("ensure"),
        Vec::new()
    );
}

#[track_caller]
fn says(actual: &str, expected: &str) {
    assert_eq!(actual, expected);
}

/// What `ca.crt` trusts, as openssl sees it: whether a certificate stands under it, by the strict rules of X.509.
fn stands_under(ca: &Path, cert: &Path) -> bool {
    let out = Command::new("openssl")
        .args(["verify", "-x509_strict", "-attime", &NOW.to_string()])
        .arg("-CAfile")
        .args([ca, cert])
        .output();
    out.expect("openssl").status.success()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("read")
}

#[test]
fn renews_on_request_once_a_run_and_keeps_what_was_there() {
    let root = tempfile::tempdir().expect("temp dir");
    let (dir, aside) = (root.path().join("pki"), root.path().join("pki.r1"));
    let members = members();
    let made = wanted(&dir, &members);
    ensure(&made, NOW).expect("ensure");
    let layout = Layout::new(&dir);
    let before = snapshot(&dir);
    let asked = Wanted {
        renew_s: Some(400 * 86_400),
        aside: Some(&aside),
        ..made
    };
    let planned = plan(&asked, NOW).expect("plan");
    assert_eq!(ensure(&asked, NOW).expect("ensure"), planned[1..].to_vec());
    assert!(
        planned[1..]
            .iter()
            .all(|c| matches!(c.what, What::Renew { .. }))
    );
    let renewed = snapshot(&dir);
    // Every key and certificate is another one, but for the authority's.
    let same: Vec<_> = before
        .iter()
        .filter(|f| renewed.contains(f))
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(same.len(), 2, "{same:?}");
    assert_eq!(snapshot(&aside).len(), before.len() - 2);
    for (name, content) in &before {
        let kept = aside.join(
            Path::new(name)
                .strip_prefix(&dir)
                .unwrap_or(Path::new(name)),
        );
        assert!(!kept.exists() || fs::read(&kept).expect("read") == *content);
    }
    assert_eq!(mode(&aside), 0o700);
    assert_eq!(mode(&aside.join("e1/peer.key")), 0o600);
    // The same run once more: it was done.
    assert_eq!(ensure(&asked, NOW).expect("again"), Vec::new());
    assert_eq!(snapshot(&dir), renewed);
    // Cut off between key and certificate.
    fs::copy(aside.join("e1/server.crt"), layout.server("e1").cert).expect("copy");
    let mended = ensure(&asked, NOW).expect("mended");
    assert_eq!(mended.len(), 1);
    assert!(matches!(
        mended[0].what,
        What::Reissue {
            why: Fault::KeyMismatch
        }
    ));

    let names = ["e1/server.key", "e1/server.crt"].map(str::to_owned);
    assert!(reinstate(&dir, &aside, &names).expect("back"));
    assert_eq!(
        read(&layout.server("e1").cert),
        read(&aside.join("e1/server.crt"))
    );
    assert_eq!(mode(&layout.server("e1").key), 0o600);
    assert!(!reinstate(&dir, &aside, &names).expect("it is so"));
}

#[test]
fn the_users_own_is_not_renewed_but_refused() {
    let root = tempfile::tempdir().expect("temp dir");
    let members = members();
    let plain = wanted(root.path(), &members);
    sh(
        root.path(),
        "openssl ecparam -name prime256v1 -genkey -noout -out ca.key
        openssl req -x509 -new -key ca.key -subj '/O=Corp/CN=Corp Root' -days 100 -out ca.crt",
    );
    let now = inspect(&read(&root.path().join("ca.crt")))
        .expect("inspect")
        .not_before;
    ensure(&plain, now).expect("ensure");
    let refused = |to: Rotation| {
        let before = snapshot(root.path());
        let error = rotate(&plain, to, now).expect_err("own");
        assert_eq!(snapshot(root.path()), before);
        error
    };
    // An authority of the user's issues leaves, and is never replaced itself.
    for to in [Rotation::Add, Rotation::Switch, Rotation::Drop] {
        assert!(matches!(refused(to), PkiError::OwnAuthority { .. }));
    }

    fs::remove_file(root.path().join("ca.crt")).expect("remove");
    fs::remove_dir_all(root.path().join("e1")).expect("remove");
    fs::remove_dir_all(root.path().join("e2")).expect("remove");
    fs::remove_file(root.path().join("client.crt")).expect("remove");
    ensure(&plain, now).expect("an authority of ours");
    sh(
        root.path(),
        "openssl req -new -key client.key -subj '/O=Corp/CN=root' -out client.csr
        echo extendedKeyUsage=clientAuth > client.ext
        openssl x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 20 -extfile client.ext -out client.crt",
    );
    // openssl dates it by its own clock, which may be a second further.
    let now = inspect(&read(&root.path().join("client.crt")))
        .expect("inspect")
        .not_before;
    assert!(matches!(refused(Rotation::Add), PkiError::OwnLeaf { .. }));
    let before = snapshot(root.path());
    let asked = Wanted {
        renew_s: Some(30 * 86_400),
        ..plain
    };
    let error = ensure(&asked, now).expect_err("own");
    assert!(
        matches!(error, PkiError::NotOursToRenew { own: true, .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("is your own: it is never replaced")
    );
    assert!(error.help().contains("put its successor there"));
    assert_eq!(snapshot(root.path()), before);
    // It serves still, so that whoever does not ask for renewal is not held up.
    assert_eq!(ensure(&plain, now).expect("ensure"), Vec::new());
}

/// All states of a rotation; at each, what is trusted and what is issued, and that the state is reached once.
#[test]
fn an_authority_is_rotated_and_nobody_is_cut_off() {
    let root = tempfile::tempdir().expect("temp dir");
    let (dir, aside) = (root.path().join("pki"), root.path().join("pki.r1"));
    let members = members();
    let made = wanted(&dir, &members);
    ensure(&made, NOW).expect("ensure");
    let asked = Wanted {
        aside: Some(&aside),
        ..made
    };
    let layout = Layout::new(&dir);
    let (ca, server) = (layout.ca(), layout.server("e1").cert);
    let old = root.path().join("old.crt");
    fs::copy(&ca.cert, &old).expect("copy");
    let old_leaf = root.path().join("leaf.crt");
    fs::copy(&server, &old_leaf).expect("copy");

    for early in [Rotation::Switch, Rotation::Drop] {
        let before = snapshot(&dir);
        let refused = rotate(&asked, early, NOW);
        assert!(early == Rotation::Drop && refused.as_ref().is_ok_and(|c| !c) || refused.is_err());
        assert_eq!(snapshot(&dir), before);
    }
    let state = |to: Rotation| {
        let told = plan_rotation(&asked, to, NOW).expect("plan");
        assert!(told.is_some(), "{to:?}");
        assert!(rotate(&asked, to, NOW).expect("rotate"));
        let reached = snapshot(&dir);
        assert!(!rotate(&asked, to, NOW).expect("again"), "{to:?} twice");
        assert_eq!(snapshot(&dir), reached);
    };

    state(Rotation::Add);
    assert_eq!(mode(&layout.next_key()), 0o600);
    assert!(stands_under(&ca.cert, &old_leaf));
    // Whatever is issued now is of the old one, which everybody trusts.
    assert_eq!(ensure(&asked, NOW).expect("ensure"), Vec::new());
    let error = rotate(&asked, Rotation::Drop, NOW).expect_err("early");
    assert!(matches!(error, PkiError::NotSwitched { .. }));

    state(Rotation::Switch);
    assert!(!layout.next_key().exists());
    let error = rotate(&asked, Rotation::Drop, NOW).expect_err("leaves of the old one");
    assert!(matches!(error, PkiError::OldInUse { .. }), "{error}");
    assert_eq!(ensure(&asked, NOW).expect("ensure").len(), 5);
    assert!(stands_under(&ca.cert, &server) && stands_under(&ca.cert, &old_leaf));
    assert!(!stands_under(&old, &server));
    // Under way, and further: a run that begins anew goes on from here.
    assert!(!rotate(&asked, Rotation::Add, NOW).expect("under way"));

    state(Rotation::Drop);
    assert!(stands_under(&ca.cert, &server) && !stands_under(&ca.cert, &old_leaf));
    for (purpose, cert) in [
        ("sslserver", layout.server("e2").cert),
        ("sslclient", layout.peer("e1").cert),
        ("sslclient", layout.client().cert),
    ] {
        openssl_verify(&dir, purpose, &cert);
    }
    let subject = inspect(&read(&ca.cert)).expect("inspect").subject;
    assert_eq!(subject, "O=runbook, CN=blue etcd CA 2027-01-15T08:00:00Z");
    assert_eq!(read(&aside.join("ca.crt")), read(&old));
    assert_eq!(mode(&aside.join("ca.key")), 0o600);
    assert_eq!(ensure(&asked, NOW).expect("ensure"), Vec::new());
}

/// A rotation that was cut off between any two of its files goes on.
#[test]
fn half_a_state_is_made_whole() {
    let members = members();
    let key = |path: &Path| Key::from_pem(&read(path)).expect("key");
    for cut in [
        "next key alone",
        "key switched",
        "certificates switched",
        "taken back in half",
    ] {
        let root = tempfile::tempdir().expect("temp dir");
        let wanted = wanted(root.path(), &members);
        ensure(&wanted, NOW).expect("ensure");
        let layout = Layout::new(root.path());
        let ca = layout.ca();
        let alone = read(&ca.cert);
        let old_key = read(&ca.key);
        rotate(&wanted, Rotation::Add, NOW).expect("add");
        let next = read(&layout.next_key());
        match cut {
            "next key alone" => fs::write(&ca.cert, &alone).expect("write"),
            "key switched" => fs::write(&ca.key, &next).expect("write"),
            "certificates switched" => {
                rotate(&wanted, Rotation::Switch, NOW).expect("switch");
                fs::write(layout.next_key(), &next).expect("write");
            }
            _ => {
                rotate(&wanted, Rotation::Switch, NOW).expect("switch");
                fs::write(&ca.key, &old_key).expect("write");
            }
        }
        rotate(&wanted, Rotation::Add, NOW).expect(cut);
        rotate(&wanted, Rotation::Switch, NOW).expect(cut);
        ensure(&wanted, NOW).expect(cut);
        assert!(rotate(&wanted, Rotation::Drop, NOW).expect(cut), "{cut}");
        assert!(!layout.next_key().exists());
        assert_eq!(read(&ca.cert).matches("BEGIN").count(), 1);
        Authority::load(&read(&ca.cert), &read(&ca.key)).expect(cut);
        let expected = if cut == "taken back in half" {
            old_key
        } else {
            next
        };
        assert_eq!(key(&ca.key).pem(), expected, "{cut}");
        assert_eq!(ensure(&wanted, NOW).expect(cut), Vec::new());
    }
}

/// A disk that is full when the certificate's turn comes must not leave the new key beside the old certificate: with that pair
/// nobody reaches the members any more.
#[test]
fn a_pair_is_replaced_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("temp dir");
    let members = members();
    let made = wanted(dir.path(), &members);
    ensure(&made, NOW).expect("ensure");
    let client = Layout::new(dir.path()).client();
    let before = (read(&client.key), read(&client.cert));
    // Where its new content would be written stands something else.
    let in_the_way = dir.path().join("client.crt.new");
    fs::create_dir(&in_the_way).expect("dir");
    let asked = Wanted {
        renew_s: Some(400 * 86_400),
        ..made
    };
    let error = ensure(&asked, NOW).expect_err("it cannot be written");
    assert!(matches!(error, PkiError::File { doing: "write", .. }));
    assert!((read(&client.key), read(&client.cert)) == before);
    assert!(!dir.path().join("client.key.new").exists());
    fs::remove_dir(&in_the_way).expect("dir");
    ensure(&asked, NOW).expect("ensure");
    assert!(read(&client.key) != before.0 && read(&client.cert) != before.1);
    assert_eq!(mode(&client.key), 0o600);
}

/// No leaf ends later than its authority: to renew it would be work for nothing, again with every run.
#[test]
fn what_the_authority_outlives_by_nothing_is_not_renewed_but_told() {
    let dir = tempfile::tempdir().expect("temp dir");
    let members = members();
    let made = wanted(dir.path(), &members);
    ensure(&made, NOW).expect("ensure");
    // Ten years later, a fortnight before the authority ends.
    let now = NOW + 3640 * DAY;
    ensure(&made, now).expect("leaves ended long ago");
    let layout = Layout::new(dir.path());
    let end = |path: &Path| inspect(&read(path)).expect("pem").not_after;
    assert_eq!(end(&layout.client().cert), end(&layout.ca().cert));
    let within = |s| Wanted {
        renew_s: Some(s),
        ..made
    };
    let before = snapshot(dir.path());
    let error = ensure(&within(30 * 86_400), now).expect_err("nothing to gain");
    assert!(matches!(error, PkiError::AuthorityEnds { .. }), "{error}");
    says(
        &error.to_string(),
        &format!(
            "`{}` ends on 2037-01-15T08:00:00Z, and no certificate of it can end later",
            layout.ca().cert.display()
        ),
    );
    assert!(error.help().contains("rotate-authority.etcdrb"));
    assert_eq!(snapshot(dir.path()), before);
    // What is not due is no matter, and new keys can be had.
    assert_eq!(ensure(&within(86_400), now).expect("not due"), Vec::new());
    assert_eq!(ensure(&made, now).expect("not asked"), Vec::new());
    let all = ensure(&within(36_500 * 86_400), now).expect("new keys");
    assert_eq!(all.len(), 5);
}
