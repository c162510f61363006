//! An sshd of the test's own on a loopback address, and a proxy in front of it that can cut and freeze.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    dead_code,
    reason = "tests; each target uses its part"
)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use runbook_model::host::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

/// An sshd that lets its starter in by a key made for it. Ends with its value.
pub struct Sshd {
    dir: tempfile::TempDir,
    server: Child,
    pub port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Sshd {
    /// With further lines of sshd_config.
    pub fn start(more: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("sd").tempdir().unwrap();
        for key in ["host", "other", "user"] {
            keygen(&dir.path().join(key));
        }
        // sshd run by root wants it.
        let _ = std::fs::create_dir_all("/run/sshd");
        std::fs::copy(dir.path().join("user.pub"), dir.path().join("authorized")).unwrap();
        let port = free_port();
        let path = dir.path().display();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {path}/host\nAuthorizedKeysFile {path}/authorized\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\nPrintMotd no\n{more}\n"
        );
        std::fs::write(dir.path().join("config"), config).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(dir.path().join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("openssh-server is needed: tests/setup/install.sh lab");
        let sshd = Self { dir, server, port };
        sshd.know_host("host", port);
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "sshd does not listen: {}",
                sshd.log()
            );
            std::thread::yield_now();
        }
        sshd
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The known_hosts file that clients of this sshd use.
    pub fn known_hosts(&self) -> std::path::PathBuf {
        self.dir.path().join("known")
    }

    /// Makes a key of this sshd's directory the one expected at a port.
    pub fn know_host(&self, key: &str, port: u16) {
        let key = std::fs::read_to_string(self.dir.path().join(format!("{key}.pub"))).unwrap();
        std::fs::write(self.known_hosts(), format!("[127.0.0.1]:{port} {key}")).unwrap();
    }

    /// How to get there, directly or through a proxy's port.
    pub fn connection(&self, port: u16) -> Connection {
        Connection {
            address: "127.0.0.1".into(),
            port: Some(port),
            private_key_file: Some(self.dir.path().join("user").display().to_string()),
            ssh_args: [
                "-F",
                "/dev/null",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "HostKeyAlgorithms=ssh-ed25519",
                "-o",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain([format!(
                "UserKnownHostsFile={}",
                self.known_hosts().display()
            )])
            .collect(),
            connect_timeout_s: Some(5),
            ..Connection::default()
        }
    }
}

fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A TCP proxy that cuts what passes it.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    /// Bytes that may still pass, in both directions together; negative: no limit.
    budget: AtomicI64,
    /// What passes the limit is lost, and the connection closed; or kept back in silence.
    freeze: AtomicBool,
    /// Bytes that passed.
    passed: AtomicI64,
    /// No new connections.
    closed: AtomicBool,
}

impl Proxy {
    pub async fn start(target: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            budget: AtomicI64::new(-1),
            freeze: AtomicBool::new(false),
            passed: AtomicI64::new(0),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if shared.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let target: SocketAddr = ([127, 0, 0, 1], target).into();
                if let Ok(server) = tokio::net::TcpStream::connect(target).await {
                    let _ = client.set_nodelay(true);
                    let _ = server.set_nodelay(true);
                    tokio::spawn(carry(client, server, Arc::clone(&shared)));
                }
            }
        });
        Self { port, state }
    }

    /// After so many bytes more every connection is cut; new ones pass without limit, unless `stay_closed`.
    pub fn cut_after(&self, bytes: i64, stay_closed: bool) {
        self.state.freeze.store(false, Ordering::SeqCst);
        self.state.closed.store(stay_closed, Ordering::SeqCst);
        self.state.budget.store(bytes, Ordering::SeqCst);
    }

    /// From now on nothing passes, and nothing is closed.
    pub fn freeze(&self) {
        self.state.freeze.store(true, Ordering::SeqCst);
        self.state.budget.store(0, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.state.budget.store(-1, Ordering::SeqCst);
        self.state.freeze.store(false, Ordering::SeqCst);
        self.state.closed.store(false, Ordering::SeqCst);
    }

    /// Bytes that passed so far.
    pub fn passed(&self) -> i64 {
        self.state.passed.load(Ordering::SeqCst)
    }

    /// Bytes that may still pass; negative once the limit was reached.
    pub fn left(&self) -> i64 {
        self.state.budget.load(Ordering::SeqCst)
    }
}

async fn carry(client: tokio::net::TcpStream, server: tokio::net::TcpStream, state: Arc<State>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut both = JoinSet::new();
    let (a, b) = (Arc::clone(&state), state);
    both.spawn(async move { pump(&mut from_client, &mut to_server, &a).await });
    both.spawn(async move { pump(&mut from_server, &mut to_client, &b).await });
    // The first direction that ends takes the other with it: dropping the set closes both sockets.
    both.join_next().await;
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    state: &State,
) {
    let mut chunk = vec![0; 4096];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let left = state.budget.load(Ordering::SeqCst);
        state
            .passed
            .fetch_add(i64::try_from(n).unwrap(), Ordering::SeqCst);
        if left < 0 {
            if to.write_all(&chunk[..n]).await.is_err() {
                return;
            }
            continue;
        }
        let pass = usize::try_from(left).unwrap().min(n);
        if state.freeze.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let _ = to.write_all(&chunk[..pass]).await;
        let _ = to.flush().await;
        if pass < n || left == i64::try_from(n).unwrap() {
            state.budget.store(-1, Ordering::SeqCst);
            return;
        }
        state
            .budget
            .fetch_sub(i64::try_from(n).unwrap(), Ordering::SeqCst);
    }
}
