//! Reads the committed snapshots.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The versions that wrote them.
pub const VERSIONS: [&str; 3] = ["3.4.23", "3.5.16", "3.5.30"];

/// A snapshot and what etcd said of it.
pub struct Fixture {
    pub name: String,
    pub bytes: Vec<u8>,
    pub told: Value,
}

/// A member's HashKV answer.
#[derive(Debug)]
pub struct Hash {
    pub revision: i64,
    pub compact_revision: i64,
    pub hash: u32,
}

fn directory(version: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/snapshots")
        .join(version)
}

impl Fixture {
    pub fn read(version: &str, name: &str) -> Fixture {
        let directory = directory(version);
        let unpacked = Command::new("gzip")
            .arg("-dc")
            .arg(directory.join(format!("{name}.db.gz")))
            .output()
            .unwrap();
        assert!(unpacked.status.success(), "{version}/{name}");
        let told = std::fs::read(directory.join(format!("{name}.json"))).unwrap();
        Fixture {
            name: format!("{version}/{name}"),
            bytes: unpacked.stdout,
            told: serde_json::from_slice(&told).unwrap(),
        }
    }

    pub fn hashes(&self) -> Vec<Hash> {
        let number = |value: &Value| value.as_i64().unwrap();
        let hash = |told: &Value| {
            let answer = &told["answer"][0]["HashKV"];
            Hash {
                revision: match number(&told["revision"]) {
                    0 => number(&answer["header"]["revision"]),
                    revision => revision,
                },
                compact_revision: number(&answer["compact_revision"]),
                hash: u32::try_from(number(&answer["hash"])).unwrap(),
            }
        };
        self.told["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(hash)
            .collect()
    }
}

/// Every committed snapshot.
pub fn all() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for version in VERSIONS {
        for file in std::fs::read_dir(directory(version)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if let Some(name) = name.strip_suffix(".db.gz") {
                fixtures.push(Fixture::read(version, name));
            }
        }
    }
    assert!(fixtures.len() >= 26, "{}", fixtures.len());
    fixtures
}

/// The ids of the restored cluster.
pub fn ids(version: &str) -> Value {
    serde_json::from_slice(&std::fs::read(directory(version).join("ids.json")).unwrap()).unwrap()
}
