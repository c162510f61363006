//! Runs one program, or sends one file, on many hosts at once over the openssh crate's native multiplexing.
//!
//!     native-mux SSH_CONFIG MASTERS HOSTS program FILE       `@HOST@` in the program is the host's name
//!     native-mux SSH_CONFIG MASTERS HOSTS send FILE DEST     compares the SHA-256 of both sides
//!
//! HOSTS are separated by commas. MASTERS is a directory with a control socket for each host, or `-`: connect anew.

use std::error::Error;
use std::path::{Path, PathBuf};

use openssh::{KnownHosts, Session, SessionBuilder, Stdio};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone)]
enum Job {
    Program(String),
    Send { file: PathBuf, dest: String },
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (config, masters, hosts, job) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        [config, masters, hosts, "program", file] => (
            config,
            masters,
            hosts,
            Job::Program(tokio::fs::read_to_string(file).await?),
        ),
        [config, masters, hosts, "send", file, dest] => (
            config,
            masters,
            hosts,
            Job::Send {
                file: file.into(),
                dest: dest.to_owned(),
            },
        ),
        _ => {
            return Err(
                "usage: native-mux SSH_CONFIG MASTERS HOSTS program FILE | send FILE DEST".into(),
            );
        }
    };
    let mut running = tokio::task::JoinSet::new();
    for host in hosts.split(',') {
        let (config, masters, host, job) = (
            config.to_owned(),
            masters.to_owned(),
            host.to_owned(),
            job.clone(),
        );
        running.spawn(async move {
            on_host(&config, &masters, &host, job)
                .await
                .map_err(|error| format!("{host}: {error}"))
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

async fn on_host(config: &str, masters: &str, host: &str, job: Job) -> Outcome<()> {
    let session = if masters == "-" {
        SessionBuilder::default()
            .known_hosts_check(KnownHosts::Strict)
            .config_file(config)
            .connect_mux(host)
            .await?
    } else {
        Session::resume_mux(Path::new(masters).join(host).into_boxed_path(), None)
    };
    match job {
        Job::Program(text) => program(&session, text.replace("@HOST@", host)).await?,
        Job::Send { file, dest } => send(&session, &file, &dest).await?,
    }
    if masters == "-" {
        session.close().await?;
    }
    Ok(())
}

async fn program(session: &Session, text: String) -> Outcome<()> {
    let mut child = session
        .command("sudo")
        .args(["-n", "sh"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .await?;
    let mut stdin = child.stdin().take().ok_or("no stdin")?;
    let mut stdout = child.stdout().take().ok_or("no stdout")?;
    // Both ways at once: a program that answers a lot must not stop us from sending the rest.
    let sending = async move {
        stdin.write_all(text.as_bytes()).await?;
        stdin.shutdown().await
    };
    let mut answer = String::new();
    let (sent, received) = tokio::join!(sending, stdout.read_to_string(&mut answer));
    (sent?, received?);
    if !child.wait().await?.success() {
        return Err("the program failed".into());
    }
    print!("{answer}");
    Ok(())
}

async fn send(session: &Session, file: &Path, dest: &str) -> Outcome<()> {
    let part = format!("{dest}.part");
    let mut child = session
        .command("sudo")
        .args([
            "-n",
            "sh",
            "-c",
            r#"umask 077; tee "$1" | sha256sum && mv "$1" "$2""#,
            "sh",
            &part,
            dest,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .await?;
    let mut stdin = child.stdin().take().ok_or("no stdin")?;
    let mut stdout = child.stdout().take().ok_or("no stdout")?;
    let mut source = tokio::fs::File::open(file).await?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let count = source.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        hash.update(&chunk[..count]);
        stdin.write_all(&chunk[..count]).await?;
    }
    stdin.shutdown().await?;
    drop(stdin);
    let mut answer = String::new();
    stdout.read_to_string(&mut answer).await?;
    if !child.wait().await?.success() || !answer.starts_with(&hex::encode(hash.finalize())) {
        return Err(format!("the digest differs: `{}`", answer.trim()).into());
    }
    Ok(())
}
