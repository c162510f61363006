//! Real etcd members as plain processes on loopback, for tests: `#[path = "…/tests/support/etcd.rs"] mod support;`.
//!
//! Each cluster has a loopback address and a temporary directory of its own. Its processes end with it, and with the thread that
//! started them, whatever becomes of the test.

#![allow(dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use runbook_model::action::CertificateRequest;
use runbook_model::host::{HostName, Install, MemberSpec, Scheme, ServiceManager};
use runbook_pki::Wanted;

/// Long enough for a loaded machine, short enough for a test that will never pass.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The versions that every test of real members runs on: those that stay what they are. `RUNBOOK_TEST_ETCD="3.5.1 sid"` names others.
pub fn versions() -> Vec<String> {
    let named = std::env::var("RUNBOOK_TEST_ETCD").unwrap_or_else(|_| "3.4.23 3.5.16".to_owned());
    named.split_whitespace().map(str::to_owned).collect()
}

/// Directory with `etcd` and `etcdctl` of a version as tests/lab/etcd-versions names it.
pub fn bin_dir(version: &str) -> PathBuf {
    if version == "3.4.23" && version_of(Path::new("/usr/bin")).as_deref() == Some(version) {
        return PathBuf::from("/usr/bin");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/lab/etcd-versions");
    let out = Command::new(script)
        .args(["path", version])
        .output()
        .expect("tests/lab/etcd-versions runs");
    assert!(
        out.status.success(),
        "etcd {version} cannot be had: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    PathBuf::from(String::from_utf8(out.stdout).unwrap().trim()).join("bin")
}

fn version_of(dir: &Path) -> Option<String> {
    let out = Command::new(dir.join("etcd"))
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let first = text.lines().next()?;
    Some(first.strip_prefix("etcd Version: ")?.to_owned())
}

/// Seconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// What a cluster is to be.
pub struct Options<'a> {
    /// As tests/lab/etcd-versions names it.
    pub version: &'a str,
    pub members: usize,
    pub scheme: Scheme,
    /// Further flags for every member.
    pub flags: &'a [&'a str],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            version: "3.5.16",
            members: 1,
            scheme: Scheme::Https,
            flags: &[],
        }
    }
}

/// One member; its process, if it runs.
pub struct Member {
    pub spec: MemberSpec,
    pub metrics_port: u16,
    pub process: Option<Child>,
    /// How often it was started.
    starts: usize,
}

/// A cluster of processes.
pub struct Cluster {
    pub members: Vec<Member>,
    pub dir: tempfile::TempDir,
    pub bin: PathBuf,
    flags: Vec<String>,
}

impl Cluster {
    /// Starts a cluster and waits until every member is healthy.
    pub fn start(options: &Options<'_>) -> Self {
        let mut cluster = Self::prepare(options);
        if options.scheme == Scheme::Https {
            cluster.issue(now());
        }
        for i in 0..cluster.members.len() {
            cluster.run(i, "new");
        }
        cluster.wait_healthy();
        cluster
    }

    /// Addresses, ports and directories; nothing runs and no certificate exists.
    pub fn prepare(options: &Options<'_>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("runbook-etcd-")
            .tempdir()
            .unwrap();
        let address = own_address();
        let members = (1..=options.members)
            .map(|n| member(&format!("e{n}"), &address, options.scheme, dir.path()))
            .collect();
        Self {
            members,
            bin: bin_dir(options.version),
            flags: options.flags.iter().map(|f| (*f).to_owned()).collect(),
            dir,
        }
    }

    /// Directory of the cluster's certificates, as on a control host.
    pub fn pki(&self) -> PathBuf {
        self.dir.path().join("pki")
    }

    /// Makes certificates as if at a moment (seconds since the epoch).
    pub fn issue(&self, now: i64) {
        let requests: Vec<_> = self
            .members
            .iter()
            .map(|m| CertificateRequest {
                name: m.spec.name.clone(),
                dns: vec![m.spec.name.clone()],
                ips: vec![m.spec.address.clone()],
                server: true,
                peer: true,
            })
            .collect();
        let dir = self.pki();
        let wanted = Wanted {
            dir: &dir,
            cluster: "test",
            members: &requests,
            days: 30,
            renew_s: None,
            aside: None,
        };
        runbook_pki::ensure(&wanted, now).unwrap();
    }

    pub fn specs(&self) -> Vec<MemberSpec> {
        self.members.iter().map(|m| m.spec.clone()).collect()
    }

    /// Gives a further member its place; it is neither added nor started.
    pub fn another(&mut self) -> usize {
        let first = self.members[0].spec.clone();
        let name = format!("e{}", self.members.len() + 1);
        let new = member(&name, &first.address, first.scheme, self.dir.path());
        self.members.push(new);
        if first.scheme == Scheme::Https {
            self.issue(now());
        }
        self.members.len() - 1
    }

    /// Starts a member's process, with `new` or `existing` as the cluster's state.
    pub fn run(&mut self, i: usize, state: &str) {
        let initial: Vec<_> = self
            .members
            .iter()
            .map(|m| format!("{}={}", m.spec.name, m.spec.peer_url()))
            .collect();
        self.run_with(i, state, &initial.join(","), "test");
    }

    /// The same with an initial cluster and a token of one's own.
    pub fn run_with(&mut self, i: usize, state: &str, initial: &str, token: &str) {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(
                self.dir
                    .path()
                    .join(format!("{}.log", self.members[i].spec.name)),
            )
            .unwrap();
        let member = &self.members[i];
        let spec = &member.spec;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.bin.join("etcd"))
            .args(["--name", &spec.name, "--data-dir", &spec.data_dir])
            .args(["--listen-client-urls", &spec.client_url()])
            .args(["--advertise-client-urls", &spec.client_url()])
            .args(["--listen-peer-urls", &spec.peer_url()])
            .args(["--initial-advertise-peer-urls", &spec.peer_url()])
            .args(["--initial-cluster", initial])
            .args(["--initial-cluster-token", token])
            .args(["--initial-cluster-state", state])
            .arg("--listen-metrics-urls")
            .arg(format!("http://{}:{}", spec.address, member.metrics_port))
            // Elections on a loaded machine take their time.
            .args(["--heartbeat-interval", "100", "--election-timeout", "1000"])
            .args(&self.flags);
        if spec.scheme == Scheme::Https {
            let file = |name: &str| self.pki().join(name);
            let own = |name: &str| self.pki().join(&spec.name).join(name);
            command
                .args(["--client-cert-auth", "--peer-client-cert-auth"])
                .arg("--trusted-ca-file")
                .arg(file("ca.crt"))
                .arg("--cert-file")
                .arg(own("server.crt"))
                .arg("--key-file")
                .arg(own("server.key"))
                .arg("--peer-trusted-ca-file")
                .arg(file("ca.crt"))
                .arg("--peer-cert-file")
                .arg(own("peer.crt"))
                .arg("--peer-key-file")
                .arg(own("peer.key"));
        }
        let child = command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv starts etcd");
        self.members[i].process = Some(child);
        self.members[i].starts += 1;
    }

    /// Waits until every running member says that it is healthy.
    pub fn wait_healthy(&self) {
        for i in 0..self.members.len() {
            if self.members[i].process.is_some() {
                self.wait_for(i, "/health", |body| body.contains(r#""health":"true""#));
                self.wait_serving(i);
            }
        }
    }

    /// Health is told on the port for metrics, which is served before the one for clients.
    fn wait_serving(&self, i: usize) {
        let member = &self.members[i];
        let log = self.dir.path().join(format!("{}.log", member.spec.name));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            // As 3.5 says it, and as 3.4 does.
            let said =
                |l: &&str| l.contains("serving client traffic") || l.contains("client requests on");
            if text.lines().filter(said).count() >= member.starts {
                return;
            }
            assert!(
                Instant::now() < deadline && !self.has_ended(i),
                "{} serves no clients\n{}",
                member.spec.name,
                self.log(i)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a member's own answer at a path of its metrics port is as wanted.
    pub fn wait_for(&self, i: usize, path: &str, wanted: impl Fn(&str) -> bool) {
        let member = &self.members[i];
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = get(&member.spec.address, member.metrics_port, path);
            if answer.as_deref().is_some_and(&wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline && !self.has_ended(i),
                "{} did not get there: {answer:?}\n{}",
                member.spec.name,
                self.log(i)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether a member's process ended by itself.
    pub fn has_ended(&self, i: usize) -> bool {
        let Some(child) = &self.members[i].process else {
            return true;
        };
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('Z'))
    }

    /// The end of what a member's process printed, without what it says of being asked for its health.
    pub fn log(&self, i: usize) -> String {
        let name = &self.members[i].spec.name;
        let all =
            fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<_> = all.lines().filter(|l| !l.contains("/health")).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Ends a member's process at once.
    pub fn kill(&mut self, i: usize) {
        if let Some(mut child) = self.members[i].process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal, as `STOP` or `CONT`.
    pub fn signal(&self, i: usize, signal: &str) {
        let pid = self.members[i].process.as_ref().expect("runs").id();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &pid.to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let deadline = Instant::now() + PATIENCE;
        // A stop reaches a process's threads one after the other.
        while signal == "STOP" && !all_stopped(pid) {
            assert!(Instant::now() < deadline, "{pid} does not stop");
            std::thread::yield_now();
        }
    }

    /// etcd's own tool, asked at one member; its standard output.
    pub fn etcdctl(&self, i: usize, arguments: &[&str]) -> String {
        let spec = &self.members[i].spec;
        let mut command = Command::new(self.bin.join("etcdctl"));
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &spec.client_url()]);
        if spec.scheme == Scheme::Https {
            let pki = self.pki();
            command
                .arg("--cacert")
                .arg(pki.join("ca.crt"))
                .arg("--cert")
                .arg(pki.join("client.crt"))
                .arg("--key")
                .arg(pki.join("client.key"));
        }
        let out = command.args(arguments).output().unwrap();
        assert!(
            out.status.success(),
            "etcdctl {arguments:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for i in 0..self.members.len() {
            self.kill(i);
        }
    }
}

/// An address of 127.0.0.0/8 that no other cluster of this or another test process has.
pub fn own_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    format!("127.{}.{}.{}", 1 + (pid >> 8) % 250, pid % 256, 1 + n % 250)
}

/// A port of an address that is free now, below those that the kernel hands out, and not given before by this process.
pub fn free_port(address: &str) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(n % 12_000).unwrap();
        if TcpListener::bind((address, port)).is_ok() {
            return port;
        }
    }
}

fn member(name: &str, address: &str, scheme: Scheme, dir: &Path) -> Member {
    let at = |part: &str| dir.join(part).display().to_string();
    Member {
        spec: MemberSpec {
            host: HostName::new(name),
            name: name.to_owned(),
            cluster: "test".to_owned(),
            address: address.to_owned(),
            scheme,
            peer_scheme: None,
            client_port: free_port(address),
            peer_port: free_port(address),
            data_dir: at(&format!("{name}.etcd")),
            pki_dir: at(&format!("pki/{name}")),
            config: at(&format!("{name}.conf")),
            unit: format!("etcd-{name}"),
            manager: ServiceManager::Process,
            bin_dir: None,
            user: "root".to_owned(),
            install: Install::Present,
            quota_bytes: None,
            extra: Vec::new(),
            control_pki_dir: at("pki"),
        },
        metrics_port: free_port(address),
        process: None,
        starts: 0,
    }
}

/// Whether every thread of a process is stopped.
fn all_stopped(pid: u32) -> bool {
    fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok())
        .all(|stat| {
            let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            state.starts_with('T')
        })
}

/// The body of a plain HTTP answer.
fn get(address: &str, port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((address, port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}
