//! A host's connection: opened once, shared by everything that is asked of the host.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openssh::Session;
use runbook_model::facts::HostError;
use runbook_model::host::{Connection, HostName, Transport};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::channel::{Channel, Held, Input, Output, drain};
use super::command::{Reads, check, command_line, shell_words};
use super::heard::Heard;
use super::master;
use crate::settings::Settings;

/// sshd's MaxSessions is 10 by default; two are left for the user's own.
const SESSIONS: usize = 8;
/// Limit for opening a channel on a live connection, and for sudo's prompt.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

/// Why a program could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing of it can have begun.
    #[error(transparent)]
    NotSent(HostError),
    /// The connection went away while it was being sent.
    #[error("connection lost: {0}")]
    Lost(String),
}

/// The way to one host.
pub struct Link {
    host: HostName,
    connection: Connection,
    settings: Arc<Settings>,
    session: Mutex<Option<Arc<Session>>>,
    sessions: Arc<Semaphore>,
    /// Shells that wait for a program: a new one costs the host a login, sudo's own checks and a session (some 20 ms of its time).
    idle: std::sync::Mutex<Vec<Channel>>,
    /// Bounds connects over all hosts.
    forks: Arc<Semaphore>,
    /// Whether it was told how the first shell is reached.
    told: AtomicBool,
}

impl Link {
    /// A way that is not opened yet.
    pub fn new(
        host: HostName,
        connection: Connection,
        settings: Arc<Settings>,
        forks: Arc<Semaphore>,
    ) -> Self {
        Self {
            host,
            connection,
            settings,
            session: Mutex::new(None),
            sessions: Arc::new(Semaphore::new(SESSIONS)),
            idle: std::sync::Mutex::default(),
            forks,
            told: AtomicBool::new(false),
        }
    }

    /// The host's name.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// Whether commands run on the control host itself.
    pub fn is_local(&self) -> bool {
        self.connection.transport == Transport::Local
    }

    /// Connects, or finds that it is connected.
    ///
    /// # Errors
    /// Whatever keeps the host out of reach.
    pub async fn connect(&self) -> Result<(), HostError> {
        check(&self.connection).map_err(|e| HostError::Unreachable {
            host: self.host.clone(),
            detail: e.to_string(),
        })?;
        if !self.is_local() {
            self.session().await?;
        }
        Ok(())
    }

    /// The session on the host's master; one connect at a time.
    ///
    /// # Errors
    /// Whatever keeps the host out of reach.
    pub async fn session(&self) -> Result<Arc<Session>, HostError> {
        let mut held = self.session.lock().await;
        if let Some(session) = held.as_ref() {
            return Ok(Arc::clone(session));
        }
        let _fork = self.forks.acquire().await;
        let session = Arc::new(master::attach(&self.host, &self.connection, &self.settings).await?);
        *held = Some(Arc::clone(&session));
        Ok(session)
    }

    /// A session whose master answers at this moment.
    ///
    /// # Errors
    /// Whatever keeps the host out of reach.
    pub async fn live_session(&self) -> Result<Arc<Session>, HostError> {
        check(&self.connection).map_err(|e| HostError::Unreachable {
            host: self.host.clone(),
            detail: e.to_string(),
        })?;
        let session = self.session().await?;
        if matches!(
            timeout(Duration::from_secs(2), session.check()).await,
            Ok(Ok(()))
        ) {
            return Ok(session);
        }
        self.forget(&session).await;
        self.session().await
    }

    /// Forgets a session that broke, so that the next use connects again.
    async fn forget(&self, broken: &Arc<Session>) {
        let mut held = self.session.lock().await;
        if held.as_ref().is_some_and(|s| Arc::ptr_eq(s, broken)) {
            *held = None;
        }
    }

    /// Ends the master, if there is one.
    pub async fn stop(&self) {
        while self.take_idle().is_some() {}
        if !self.is_local() {
            *self.session.lock().await = None;
            master::stop(&master::Sockets::of(
                &self.settings.control_state_dir,
                &self.connection,
            ))
            .await;
        }
    }

    /// Sends a program to a shell on the host: to one that has nothing to do, else to a new one.
    ///
    /// # Errors
    /// No connection, sudo refuses, or the connection breaks.
    pub async fn run(&self, program: &str) -> Result<Channel, LinkError> {
        while let Some(mut channel) = self.take_idle() {
            if !channel.is_quiet().await {
                continue;
            }
            channel.begin_again();
            // A shell that is gone read nothing: a new one may be sent the same.
            if send(&mut channel, program).await.is_ok() {
                return Ok(channel);
            }
        }
        self.start(Reads::Programs, program).await
    }

    /// Starts a shell of its own for a program; what is written to the channel's input afterwards is the program's to read.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_with_input(&self, program: &str) -> Result<Channel, LinkError> {
        self.start(Reads::ProgramAndInput, program).await
    }

    /// Gives back a channel of [`Self::run`] whose program has said its last word: its shell takes the next one.
    pub fn give_back(&self, channel: Channel) {
        // Somebody may be waiting for a session: idle ones are not kept then.
        if self.sessions.available_permits() > 0
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push(channel);
        }
    }

    fn take_idle(&self) -> Option<Channel> {
        self.idle.lock().ok()?.pop()
    }

    async fn start(&self, reads: Reads, program: &str) -> Result<Channel, LinkError> {
        let mut channel = self.shell(reads).await?;
        match send(&mut channel, program).await {
            Ok(()) => Ok(channel),
            // sudo or the login shell may have ended before it read anything: its words say more than a broken pipe.
            Err(error) => Err(self.lost(&mut channel, &error).await),
        }
    }

    async fn shell(&self, reads: Reads) -> Result<Channel, LinkError> {
        check(&self.connection).map_err(|e| {
            LinkError::NotSent(HostError::Unreachable {
                host: self.host.clone(),
                detail: e.to_string(),
            })
        })?;
        let prompt = match (
            &self.connection.r#become,
            self.settings.sudo_password(&self.host),
        ) {
            (Some(_), Some(password)) => Some((self.nonce()?, password.clone())),
            _ => None,
        };
        let words = shell_words(
            &self.connection,
            reads,
            prompt.as_ref().map(|(nonce, _)| nonce.as_str()),
        );
        let first = !self.told.swap(true, Ordering::Relaxed);
        if first && self.is_local() {
            self.settings.hear(&self.host, || Heard::Local);
        }
        let opened = timeout(OPEN_LIMIT, self.open(&words)).await;
        let timed_out = || HostError::Timeout {
            host: self.host.clone(),
            limit_s: OPEN_LIMIT.as_secs(),
        };
        let mut opened = opened.map_err(|_| LinkError::NotSent(timed_out()))??;
        let behind_sudo = Heard::of_become(&self.connection, prompt.is_some());
        if let Some(heard) = behind_sudo.filter(|_| first) {
            self.settings.hear(&self.host, || heard);
        }
        if let Some((nonce, password)) = &prompt {
            let answered =
                timeout(OPEN_LIMIT, self.give_password(&mut opened, nonce, password)).await;
            answered.map_err(|_| LinkError::NotSent(timed_out()))??;
        }
        let Opened {
            input,
            output,
            errors,
            held,
            permit,
        } = opened;
        Ok(Channel {
            input,
            output,
            errors: drain(errors),
            held,
            used: false,
            _permit: permit,
        })
    }

    async fn lost(&self, channel: &mut Channel, error: &std::io::Error) -> LinkError {
        let mut rest = Vec::new();
        let _ = timeout(
            Duration::from_secs(2),
            (&mut channel.output).take(4096).read_to_end(&mut rest),
        )
        .await;
        match sudo_error(&self.host, &channel.error_text().await) {
            Some(error) => LinkError::NotSent(error),
            None => LinkError::Lost(error.to_string()),
        }
    }

    fn nonce(&self) -> Result<String, LinkError> {
        crate::frame::nonce().map_err(|e| {
            LinkError::NotSent(HostError::Unreachable {
                host: self.host.clone(),
                detail: e.to_string(),
            })
        })
    }

    async fn open(&self, words: &[String]) -> Result<Opened, LinkError> {
        let failed = |detail: String| {
            LinkError::NotSent(HostError::Unreachable {
                host: self.host.clone(),
                detail,
            })
        };
        if self.is_local() {
            let mut child = tokio::process::Command::new(&words[0])
                .args(&words[1..])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // A Ctrl-C on the terminal is ours to handle.
                .process_group(0)
                .spawn()
                .map_err(|e| failed(e.to_string()))?;
            let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let (Some(input), Some(output), Some(errors)) = streams else {
                return Err(failed("no pipes".to_owned()));
            };
            return Ok(Opened {
                input: Box::pin(input),
                output: Box::pin(output),
                errors: Box::pin(errors),
                held: Held::Local(Box::new(child)),
                permit: None,
            });
        }
        let permit = Arc::clone(&self.sessions).acquire_owned().await.ok();
        let mut tried_again = false;
        loop {
            let session = self.session().await.map_err(LinkError::NotSent)?;
            let mut child = match spawn_ssh(&session, words).await {
                Ok(child) => child,
                // The master of an earlier command may just have reached its end.
                Err(_) if !tried_again => {
                    self.forget(&session).await;
                    tried_again = true;
                    continue;
                }
                Err(e) => {
                    self.forget(&session).await;
                    return Err(failed(e.to_string()));
                }
            };
            let streams = (
                child.stdin().take(),
                child.stdout().take(),
                child.stderr().take(),
            );
            let (Some(input), Some(output), Some(errors)) = streams else {
                return Err(failed("no pipes".to_owned()));
            };
            return Ok(Opened {
                input: Box::pin(input),
                output: Box::pin(output),
                errors: Box::pin(errors),
                held: Held::Ssh(Box::new(child)),
                permit,
            });
        }
    }

    /// Waits for sudo's prompt and answers it once; or for the shell, where sudo asks nothing.
    async fn give_password(
        &self,
        opened: &mut Opened,
        nonce: &str,
        password: &SecretString,
    ) -> Result<(), LinkError> {
        let mut asked = false;
        let (mut said, mut errors) = (Vec::new(), Vec::new());
        let (mut out_byte, mut err_chunk) = ([0_u8; 1], [0_u8; 512]);
        let marker = format!("{nonce}\n");
        loop {
            tokio::select! {
                n = opened.output.read(&mut out_byte) => match n {
                    Ok(1..) => said.push(out_byte[0]),
                    _ => return Err(self.sudo_failed(&errors)),
                },
                n = opened.errors.read(&mut err_chunk) => match n {
                    Ok(n @ 1..) => errors.extend_from_slice(&err_chunk[..n]),
                    _ => return Err(self.sudo_failed(&errors)),
                },
            }
            if said.ends_with(marker.as_bytes()) {
                return Ok(());
            }
            match (count(&errors, nonce.as_bytes()), asked) {
                (0, _) | (1, true) => {}
                (1, false) => {
                    asked = true;
                    let line = zeroize_line(password);
                    let sent = opened
                        .input
                        .write_all(line.expose_secret().as_bytes())
                        .await;
                    sent.map_err(|_| self.sudo_failed(&errors))?;
                    opened
                        .input
                        .flush()
                        .await
                        .map_err(|_| self.sudo_failed(&errors))?;
                }
                _ => {
                    let detail = "the password is wrong".to_owned();
                    return Err(LinkError::NotSent(HostError::Sudo {
                        host: self.host.clone(),
                        detail,
                    }));
                }
            }
        }
    }

    fn sudo_failed(&self, errors: &[u8]) -> LinkError {
        let text = crate::text::escape(errors);
        let error = sudo_error(&self.host, &text).unwrap_or_else(|| HostError::Sudo {
            host: self.host.clone(),
            detail: crate::text::cut(text.trim(), 400),
        });
        LinkError::NotSent(error)
    }
}

struct Opened {
    input: Input,
    output: Output,
    errors: Output,
    held: Held,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// Sends a shell its next program.
async fn send(channel: &mut Channel, program: &str) -> std::io::Result<()> {
    let whole = format!("{}\n{program}", program.len());
    channel.input.write_all(whole.as_bytes()).await?;
    channel.input.flush().await
}

async fn spawn_ssh(
    session: &Arc<Session>,
    words: &[String],
) -> Result<openssh::Child<Arc<Session>>, openssh::Error> {
    Arc::clone(session)
        .arc_raw_command(command_line(words))
        .stdin(openssh::Stdio::piped())
        .stdout(openssh::Stdio::piped())
        .stderr(openssh::Stdio::piped())
        .spawn()
        .await
}

fn zeroize_line(password: &SecretString) -> SecretString {
    SecretString::from(format!("{}\n", password.expose_secret()))
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack
        .windows(needle.len())
        .filter(|w| *w == needle)
        .count()
}

/// What sudo's own words mean, if they are sudo's.
pub fn sudo_error(host: &HostName, errors: &str) -> Option<HostError> {
    let asks = [
        "a password is required",
        "a terminal is required",
        "no password was provided",
        "no askpass program",
    ];
    let last = errors.lines().rev().find(|l| l.contains("sudo"))?;
    if asks.iter().any(|a| errors.contains(a)) {
        return Some(HostError::SudoPassword { host: host.clone() });
    }
    let refused = [
        "is not in the sudoers file",
        "is not allowed to",
        "may not run sudo",
        "unknown user",
        "not found",
        "No such file",
        "incorrect password",
        "a password",
    ];
    refused
        .iter()
        .any(|r| errors.contains(r))
        .then(|| HostError::Sudo {
            host: host.clone(),
            detail: crate::text::cut(last.trim(), 400),
        })
}
