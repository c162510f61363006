//! Starts the ssh process that carries a host's connection, or finds one that an earlier command left alive.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::Session;
use runbook_model::facts::HostError;
use runbook_model::host::{Connection, HostName};
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::cipher::chooses_cipher;
use super::classify::{Cause, classify};
use super::command::BadConnection;
use super::heard::{Heard, masked};
use crate::settings::Settings;

/// Times that a connection dropped before authentication is tried again.
const DROPPED_RETRIES: u32 = 8;
/// Keepalives without an answer before a silent peer is given up.
const ALIVE_COUNT: u32 = 3;

/// Files of one master.
#[derive(Clone, Debug)]
pub struct Sockets {
    pub socket: PathBuf,
    log: PathBuf,
    lock: PathBuf,
}

impl Sockets {
    /// Keyed by everything that decides where and as whom a connection ends; both commands of one operator find the same.
    pub fn of(dir: &Path, connection: &Connection) -> Self {
        let Connection {
            transport,
            address,
            port,
            user,
            private_key_file,
            ssh_args,
            connect_timeout_s: _,
            r#become: _,
        } = connection;
        let mut hash = Sha256::new();
        hash.update(format!(
            "{transport:?}{address:?}{port:?}{user:?}{private_key_file:?}{ssh_args:?}"
        ));
        let name = hex::encode(&hash.finalize()[..8]);
        Self {
            socket: dir.join(&name),
            log: dir.join(format!("{name}.log")),
            lock: dir.join(format!("{name}.lock")),
        }
    }
}

/// Makes the directory of control sockets, 0700 and ours, or refuses it.
///
/// # Errors
/// It cannot be made, or is another's, or others may enter it, or its path is too long for a socket.
pub fn prepare_dir(dir: &Path) -> Result<(), BadConnection> {
    let bad = |detail: String| BadConnection::StateDir {
        path: dir.display().to_string(),
        detail,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| bad(e.to_string()))?;
    let found = fs::metadata(dir).map_err(|e| bad(e.to_string()))?;
    if found.mode() & 0o077 != 0 {
        return Err(bad(format!(
            "others may enter it (mode {:o})",
            found.mode() & 0o777
        )));
    }
    // ssh adds a suffix of 17 bytes while it makes the socket; a socket's path ends at 108 bytes.
    if dir.as_os_str().len() > 64 {
        return Err(bad("its path is longer than 64 bytes".to_owned()));
    }
    Ok(())
}

/// A session on a live master.
///
/// # Errors
/// As [`classify`] finds them.
pub async fn attach(
    host: &HostName,
    connection: &Connection,
    settings: &Settings,
) -> Result<Session, HostError> {
    let files = Sockets::of(&settings.control_state_dir, connection);
    let unreachable = |detail: String| HostError::Unreachable {
        host: host.clone(),
        detail,
    };
    prepare_dir(&settings.control_state_dir).map_err(|e| unreachable(e.to_string()))?;
    let reused = || Heard::Reused {
        socket: files.socket.display().to_string(),
    };
    if let Some(session) = alive(&files.socket).await {
        settings.hear(host, reused);
        return Ok(session);
    }
    // Two commands at once: one starts the master, the other waits and finds it. A second master on the same socket would stay for ever.
    let lock = files.lock.clone();
    let _lock = tokio::task::spawn_blocking(move || {
        let file = fs::File::create(lock)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    })
    .await
    .map_err(|e| unreachable(e.to_string()))?
    .map_err(|e| unreachable(e.to_string()))?;
    if let Some(session) = alive(&files.socket).await {
        settings.hear(host, reused);
        return Ok(session);
    }
    start(host, connection, settings, &files).await?;
    alive(&files.socket)
        .await
        .ok_or_else(|| unreachable("the connection closed right after it was made".to_owned()))
}

/// A session on the master behind the socket, if one answers.
async fn alive(socket: &Path) -> Option<Session> {
    if !socket.exists() {
        return None;
    }
    // `resume_mux`, not `new_native_mux`: dropping it must leave the master alive.
    let session = Session::resume_mux(socket.into(), None);
    matches!(
        timeout(Duration::from_secs(2), session.check()).await,
        Ok(Ok(()))
    )
    .then_some(session)
}

async fn start(
    host: &HostName,
    connection: &Connection,
    settings: &Settings,
    files: &Sockets,
) -> Result<(), HostError> {
    let limit = u64::from(
        connection
            .connect_timeout_s
            .unwrap_or(settings.connect_timeout_s)
            .max(1),
    );
    for attempt in 0.. {
        let _ = fs::remove_file(&files.socket);
        let _ = fs::remove_file(&files.log);
        let began = Instant::now();
        let mut command = ssh_command(connection, settings, files, limit);
        settings.hear(host, || Heard::Starting {
            words: words_of(&command),
            attempt: attempt + 1,
        });
        let mut ssh = command.spawn().map_err(|e| HostError::Unreachable {
            host: host.clone(),
            detail: format!("`ssh` cannot be started: {e}"),
        })?;
        // ConnectTimeout bounds the connection and the greeting, not what a jump host or a silent key exchange does after it.
        let status = match timeout(Duration::from_secs(limit + 10), ssh.wait()).await {
            Ok(status) => status,
            Err(_) => {
                end(&mut ssh).await;
                return Err(HostError::Timeout {
                    host: host.clone(),
                    limit_s: limit + 10,
                });
            }
        };
        if matches!(status, Ok(s) if s.success()) {
            settings.hear(host, || Heard::Connected {
                took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
            return Ok(());
        }
        let log = fs::read(&files.log)
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default();
        let user = connection
            .user
            .as_deref()
            .unwrap_or("the ssh configuration's user");
        match classify(host, user, &log, known_fingerprint) {
            Cause::Dropped if attempt < DROPPED_RETRIES => {
                tokio::time::sleep(backoff(attempt)).await
            }
            Cause::Dropped => {
                return Err(HostError::Unreachable {
                    host: host.clone(),
                    detail: crate::text::line(log.as_bytes()),
                });
            }
            Cause::Final(error) if timed_out(&log) => {
                let HostError::Unreachable { .. } = error else {
                    return Err(error);
                };
                return Err(HostError::Timeout {
                    host: host.clone(),
                    limit_s: limit,
                });
            }
            Cause::Final(error) => return Err(error),
        }
    }
    Ok(())
}

fn timed_out(log: &str) -> bool {
    log.contains("Connection timed out") || log.contains("timed out during banner exchange")
}

fn ssh_command(
    connection: &Connection,
    settings: &Settings,
    files: &Sockets,
    limit_s: u64,
) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-M", "-f", "-N", "-T", "-S"])
        .arg(&files.socket)
        .arg("-E")
        .arg(&files.log);
    for option in [
        format!("ControlPersist={}", settings.keep_alive_s),
        "BatchMode=yes".to_owned(),
        "LogLevel=INFO".to_owned(),
        "RemoteCommand=none".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        format!("ServerAliveInterval={}", settings.alive_interval_s.max(1)),
        format!("ServerAliveCountMax={ALIVE_COUNT}"),
        format!("ConnectTimeout={limit_s}"),
    ] {
        ssh.args(["-o", &option]);
    }
    if let Some(ciphers) = settings.ciphers
        && !chooses_cipher(&connection.ssh_args)
    {
        ssh.args(["-o", &format!("Ciphers={ciphers}")]);
    }
    if let Some(port) = connection.port {
        ssh.args(["-p", &port.to_string()]);
    }
    if let Some(user) = &connection.user {
        ssh.args(["-l", user]);
    }
    if let Some(key) = &connection.private_key_file {
        ssh.arg("-i").arg(key);
    }
    ssh.args(&connection.ssh_args)
        .arg("--")
        .arg(&connection.address);
    // Its own group: a Ctrl-C on the terminal is ours to handle, and a proxy command can be ended with it.
    ssh.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    ssh
}

/// The command's words, masked.
fn words_of(command: &Command) -> Vec<String> {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    masked(words.map(|word| word.to_string_lossy().into_owned()))
}

/// Ends an ssh that has not connected, and its proxy command.
async fn end(ssh: &mut tokio::process::Child) {
    if let Some(group) = ssh
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        if timeout(Duration::from_secs(2), ssh.wait()).await.is_ok() {
            return;
        }
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = ssh.kill().await;
}

/// Up to 0.1 s at first, up to 1.6 s later, at random: those refused together must not come back together.
fn backoff(attempt: u32) -> Duration {
    let most = 100_u64 << attempt.min(4);
    let random = crate::frame::nonce()
        .ok()
        .and_then(|n| u64::from_str_radix(&n[..8], 16).ok())
        .unwrap_or(0);
    Duration::from_millis(20 + random % most)
}

/// Asks the master to end: no new sessions, and gone when the last ends.
pub async fn stop(files: &Sockets) {
    if let Some(session) = alive(&files.socket).await {
        let _ = Command::new("ssh")
            .args(["-O", "exit", "-S"])
            .arg(&files.socket)
            .args(["--", "none"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        drop(session);
        // It answers before it has ended; whoever connects next must not find it dying.
        for _ in 0..100 {
            if !files.socket.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Fingerprint of the key on a line of a known_hosts file, as ssh prints it.
fn known_fingerprint(file: &str, line: usize) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut words = text
        .lines()
        .nth(line.checked_sub(1)?)?
        .split_whitespace()
        .skip_while(|w| w.starts_with('@'));
    let (_, kind, key) = (words.next()?, words.next()?, words.next()?);
    let mut keygen = std::process::Command::new("ssh-keygen")
        .args(["-l", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    std::io::Write::write_all(
        &mut keygen.stdin.take()?,
        format!("{kind} {key}\n").as_bytes(),
    )
    .ok()?;
    let out = keygen.wait_with_output().ok()?;
    String::from_utf8_lossy(&out.stdout)
        .split_whitespace()
        .find(|w| w.starts_with("SHA256:"))
        .map(str::to_owned)
}
