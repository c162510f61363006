//! A directory to work in, and the command run in it with nothing of the caller's environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

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

    fn said(&self, dir: &str, environment: &[(&str, &str)], words: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_runbook"))
            .args(words)
            .current_dir(self.path().join(dir))
            .env_clear()
            .envs(environment.iter().copied())
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", self.path())
            .env("TMPDIR", self.path())
            .env("RUNBOOK_STATE_DIR", self.path().join("state"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
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
