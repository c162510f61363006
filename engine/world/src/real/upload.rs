use std::fs::File;
use std::io::Read;
use std::ops::Range;

use runbook_model::action::{Action, Outcome};
use runbook_model::facts::HostError;
use runbook_run::world::Progress;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::apply::Work;
use super::pump::pump;
use super::reach::{Followed, Talk};
use super::receipt::broken;
use super::watch::Watch;
use crate::frame::{Frames, Piece};
use crate::program::{self, Key, SMALL_UPLOAD, Sent, Upload};
use crate::transport::{Channel, Input};

const CHUNK: usize = 256 * 1024;

/// A file on the control host, looked at.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The action's place in the order.
    index: usize,
    path: String,
    sha256: String,
    size: u64,
    /// Whole content of a small file.
    content: Option<Vec<u8>>,
}

impl Work<'_> {
    /// Streams files; what is there already is not sent, what broke off is continued.
    pub(super) async fn uploads(
        &self,
        key: &Key,
        range: Range<usize>,
    ) -> Result<Vec<Outcome>, HostError> {
        let (sources, bad) = self.sources(range.clone()).await;
        let ready = range.start..bad.as_ref().map_or(range.end, |(at, _)| *at);
        let mut outcomes = if ready.is_empty() {
            Vec::new()
        } else {
            self.send(key, ready, &sources).await?
        };
        if let Some((_, reason)) = bad
            && outcomes.iter().all(|o| matches!(o, Outcome::Done { .. }))
        {
            outcomes.push(Outcome::Failed {
                status: None,
                reason,
                output: String::new(),
            });
        }
        outcomes.resize(range.len(), Outcome::NotStarted);
        Ok(outcomes)
    }

    /// The files to send, up to the first that cannot be: its place and why.
    async fn sources(&self, range: Range<usize>) -> (Vec<Source>, Option<(usize, String)>) {
        let mut sources = Vec::new();
        for (index, action) in range.clone().zip(&self.order.actions[range]) {
            let Action::Upload {
                source,
                sha256,
                size,
                ..
            } = action
            else {
                continue;
            };
            let (source, sha256, size) = (source.clone(), sha256.clone(), *size);
            let look = move || look_at(index, source, sha256, size);
            match tokio::task::spawn_blocking(look).await {
                Ok(Ok(source)) => sources.push(source),
                Ok(Err(reason)) => return (sources, Some((index, reason.to_string()))),
                Err(error) => return (sources, Some((index, error.to_string()))),
            }
        }
        (sources, None)
    }

    async fn send(
        &self,
        key: &Key,
        range: Range<usize>,
        sources: &[Source],
    ) -> Result<Vec<Outcome>, HostError> {
        let nonce = self.nonce()?;
        let mut looked_at = sources.iter();
        let sent: Vec<Sent<'_>> = range
            .clone()
            .filter_map(|index| match &self.order.actions[index] {
                Action::Upload { dest, access, .. } => {
                    let source = looked_at.next()?;
                    Some(Sent::File(Upload {
                        index,
                        dest,
                        sha256: source.sha256.clone(),
                        size: source.size,
                        access,
                    }))
                }
                directory => Some(Sent::Directory(index, directory)),
            })
            .collect();
        let compiled = program::uploads(&self.context(&nonce), key, &sent);
        // INVARIANT: `apply` checked every action.
        let program = compiled.map_err(|(_, e)| HostError::Garbled {
            host: self.host.clone(),
            detail: e.to_string(),
        })?;
        let talk = Talk::Send(sources);
        self.until_told(range, &program, talk, &nonce).await
    }

    /// Sends every file and reads every record.
    pub(super) async fn converse(
        &self,
        mut channel: Channel,
        nonce: &str,
        sources: &[Source],
        watch: &mut Watch<'_>,
    ) -> Followed {
        let mut frames = Frames::new(&mut channel.output, nonce);
        let input = &mut channel.input;
        let mut open = true;
        for source in sources {
            if let Some(content) = &source.content {
                // A refusal shows in the records; a broken pipe only says that there is one.
                open =
                    open && input.write_all(content).await.is_ok() && input.flush().await.is_ok();
                continue;
            }
            let answer = loop {
                match next_head(&mut frames, watch).await {
                    Some(head) => match Answer::of(&head, source.index) {
                        Some(answer) => break Some(answer),
                        None if watch.receipt.complete => break None,
                        None => {}
                    },
                    None => break None,
                }
            };
            match answer {
                Some(Answer::Want { offset, prefix }) if open => {
                    match self.stream(source, offset, prefix, input).await {
                        Ok(()) => {}
                        // The host would wait for the rest for ever.
                        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                            let why = format!("`{}` became shorter while it was sent", source.path);
                            return Followed::Lost(why);
                        }
                        Err(_) => open = false,
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
        while !watch.receipt.complete {
            if next_head(&mut frames, watch).await.is_none() {
                drop(frames);
                let error = broken(self.host, &mut channel, "").await;
                let refused = matches!(
                    error,
                    HostError::SudoPassword { .. } | HostError::Sudo { .. }
                );
                if !watch.seen && (refused || channel.has_refused().await) {
                    return Followed::NeverBegan(error);
                }
                return match watch.receipt.has_stopped() {
                    true => Followed::Complete,
                    false => Followed::Lost(error.to_string()),
                };
            }
        }
        Followed::Complete
    }

    /// Streams a file from where the host has it. The host compares the digest of the whole.
    async fn stream(
        &self,
        source: &Source,
        offset: u64,
        prefix: String,
        input: &mut Input,
    ) -> std::io::Result<()> {
        let (path, size) = (source.path.clone(), source.size);
        let opened = tokio::task::spawn_blocking(move || open_at(&path, (offset, &prefix), size));
        let (file, begin) = opened.await??;
        input.write_all(format!("{begin}\n").as_bytes()).await?;
        let pipe = input.as_fd().try_clone_to_owned()?;
        let _ = self.progress.send(Progress::Transfer(begin, size));
        let mut told = begin;
        let progress = self.progress.clone();
        let tell = move |done| {
            if done - told >= 1 << 20 || done == size {
                told = done;
                let _ = progress.send(Progress::Transfer(done, size));
            }
        };
        pump(file, (begin, size), pipe, tell).await
    }
}

enum Answer {
    Have,
    Want {
        offset: u64,
        prefix: String,
    },
    /// It failed or was done before, the records say so.
    Over,
}

impl Answer {
    fn of(head: &[String], at: usize) -> Option<Self> {
        let words: Vec<&str> = head.iter().map(String::as_str).collect();
        match words[..] {
            ["have", index] if index.parse() == Ok(at) => Some(Self::Have),
            ["want", index, offset, prefix] if index.parse() == Ok(at) => Some(Self::Want {
                offset: offset.parse().unwrap_or(0),
                prefix: prefix.to_owned(),
            }),
            ["end", index, ..] if index.parse() == Ok(at) => Some(Self::Over),
            ["stopped"] => Some(Self::Over),
            _ => None,
        }
    }
}

/// The next record's head; its payload so far goes to the receipt.
async fn next_head<R: tokio::io::AsyncRead + Unpin>(
    frames: &mut Frames<R>,
    watch: &mut Watch<'_>,
) -> Option<Vec<String>> {
    loop {
        match frames.next().await {
            Ok(Some(Piece::Head(head))) => {
                watch.seen = true;
                if let ["nonce", other] = head.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    frames.accept(other);
                }
                watch.head(&head);
                return Some(head);
            }
            Ok(Some(Piece::Data(data))) if watch.seen => watch.data(&data),
            Ok(Some(Piece::Data(_))) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Why a file on the control host cannot be sent.
#[derive(Debug, thiserror::Error)]
enum BadSource {
    #[error("`{path}` cannot be read: {detail}")]
    Unreadable {
        path: String,
        detail: std::io::Error,
    },
    #[error("`{0}` is not the file that the plan was made with: it has changed since")]
    Changed(String),
}

fn look_at(
    index: usize,
    path: String,
    sha256: Option<String>,
    size: Option<u64>,
) -> Result<Source, BadSource> {
    let unreadable = |detail| BadSource::Unreadable {
        path: path.clone(),
        detail,
    };
    let mut file = File::open(&path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if size.is_some_and(|s| s != length) {
        return Err(BadSource::Changed(path));
    }
    let content = if length <= SMALL_UPLOAD {
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(unreadable)?;
        Some(content)
    } else {
        None
    };
    let found = match (&content, &sha256) {
        (Some(content), _) => hex::encode(Sha256::digest(content)),
        // A large file is hashed by the host as it arrives: one that changed meanwhile is refused there.
        (None, Some(expected)) => expected.clone(),
        (None, None) => digest(&mut file).map_err(unreadable)?,
    };
    if sha256.is_some_and(|expected| expected != found) {
        return Err(BadSource::Changed(path));
    }
    let size = content.as_ref().map_or(length, |c| c.len() as u64);
    Ok(Source {
        index,
        path,
        sha256: found,
        size,
        content,
    })
}

fn digest(file: &mut impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&chunk[..n]),
        }
    }
}

/// Opens a file to be read from where the host's part ends, if that part is this file's beginning, else from its start.
fn open_at(path: &str, part: (u64, &str), size: u64) -> std::io::Result<(File, u64)> {
    let mut file = File::open(path)?;
    let (offset, prefix) = part;
    let fits = offset <= size && (offset == 0 || digest(&mut (&mut file).take(offset))? == prefix);
    Ok((file, if fits { offset } else { 0 }))
}
