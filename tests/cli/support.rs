//! A directory to work in, and the command run in it with nothing of the caller's environment.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Asserts the exit code and that every word is on standard error, line breaks apart.
    #[track_caller]
    pub fn refuses(&self, code: i32, words: &[&str]) {
        let flat = self
            .err
            .split_whitespace()
            .filter(|w| *w != "│")
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for word in words {
            assert!(flat.contains(word), "`{word}` is not in: {}", self.err);
        }
    }
}

/// Where commands are found.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command on a terminal.
pub struct Terminal {
    child: Child,
    screen: fs::File,
    seen: String,
}

impl Terminal {
    fn start(command: &mut Command) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let screen: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let keyboard = || {
            let opened = fs::File::options().read(true).write(true).open(&name);
            Stdio::from(opened.unwrap())
        };
        let child = command
            .stdin(keyboard())
            .stdout(keyboard())
            .stderr(keyboard())
            .spawn()
            .unwrap();
        Self {
            child,
            screen: screen.into(),
            seen: String::new(),
        }
    }

    /// Reads on until this is seen; what came before it is returned and forgotten.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let mut more = [0; 4096];
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            match self.screen.read(&mut more) {
                Ok(count) if count > 0 => {
                    self.seen += &String::from_utf8_lossy(&more[..count]);
                }
                _ => panic!("it ended without `{text}`: {}", self.seen),
            }
        }
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        writeln!(self.screen, "{line}").unwrap();
    }

    /// Interrupts it, as Ctrl-C does.
    pub fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    /// Its exit code and what it said until then.
    pub fn ends(mut self) -> (i32, String) {
        let mut more = [0; 4096];
        // A terminal whose other end is closed reads as an error.
        while let Ok(count) = self.screen.read(&mut more) {
            if count == 0 {
                break;
            }
            self.seen += &String::from_utf8_lossy(&more[..count]);
        }
        (self.child.wait().unwrap().code().unwrap(), self.seen)
    }
}

/// A place with a runbook of its own name: local hosts keep root's receipts by it, outside of the place.
pub struct Own {
    pub place: Place,
    pub name: String,
}

impl Own {
    /// `NAME` in the text becomes the runbook's name; `own.etcdrb` in the place.
    pub fn new(kind: &str, runbook: &str, inventory: &str) -> Self {
        let place = Place::new();
        let dir = place.path().file_name().unwrap().to_str().unwrap();
        let letters: String = dir.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{kind}_{letters}");
        place.write("own.etcdrb", runbook.replace("NAME", &name).as_bytes());
        place.write("web.inv", inventory.as_bytes());
        Self { place, name }
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.place.path().join(name).exists()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Where root's runs leave their receipts; a user's are in the place.
        let _ = fs::remove_dir_all(PathBuf::from("/var/lib/runbook").join(&self.name));
    }
}

/// A directory with an inventory of three local members.
pub struct Place(TempDir);

pub const INVENTORY: &str = "\
[etcd]
etcd1 etcd_client_port=11579 etcd_peer_port=11580 etcd_data_dir=one/data etcd_config=one/etcd.conf etcd_pki_dir=one/pki
etcd2 etcd_client_port=12579 etcd_peer_port=12580 etcd_data_dir=two/data etcd_config=two/etcd.conf etcd_pki_dir=two/pki
etcd3 etcd_client_port=13579 etcd_peer_port=13580 etcd_data_dir=three/data etcd_config=three/etcd.conf etcd_pki_dir=three/pki

[etcd:vars]
ansible_connection=local
etcd_address=127.0.0.1
etcd_service_manager=process
pki_dir=pki
";

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("local.inv", INVENTORY.as_bytes());
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Runs `runbook` here.
    pub fn runbook(&self, words: &[&str]) -> Said {
        self.runbook_in(".", words)
    }

    /// Runs `runbook` in a directory below.
    pub fn runbook_in(&self, dir: &str, words: &[&str]) -> Said {
        self.said(dir, &[], words)
    }

    /// Runs `runbook` here, with more in its environment.
    pub fn runbook_with(&self, environment: &[(&str, &str)], words: &[&str]) -> Said {
        self.said(".", environment, words)
    }

    fn command(&self, dir: &str, environment: &[(&str, &str)], words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
        command
            .args(words)
            .current_dir(self.path().join(dir))
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.path())
            .env("TMPDIR", self.path())
            .env("RUNBOOK_STATE_DIR", self.path().join("state"))
            .envs(environment.iter().copied());
        command
    }

    fn said(&self, dir: &str, environment: &[(&str, &str)], words: &[&str]) -> Said {
        let mut command = self.command(dir, environment, words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts `runbook` here on a terminal of its own.
    pub fn on_terminal(&self, environment: &[(&str, &str)], words: &[&str]) -> Terminal {
        Terminal::start(&mut self.command(".", environment, words))
    }

    /// Every file below, with its bytes.
    pub fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        fn walk(dir: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    files.insert(format!("{}/", path.display()), Vec::new());
                    walk(&path, files);
                } else {
                    files.insert(
                        path.display().to_string(),
                        fs::read(&path).unwrap_or_default(),
                    );
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(self.path(), &mut files);
        files
    }

    /// A real snapshot, of etcd 3.5.16.
    pub fn snapshot(&self, name: &str) -> Vec<u8> {
        let packed = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/snapshots/3.5.16/before.db.gz"
        );
        let unpacked = Command::new("gzip").args(["-dc", packed]).output().unwrap();
        assert!(unpacked.status.success());
        self.write(name, &unpacked.stdout);
        unpacked.stdout
    }
}
