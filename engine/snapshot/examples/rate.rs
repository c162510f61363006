//! How fast a snapshot is verified, beside SHA-256 alone: `rate make FILE MEGABYTES VALUE_BYTES`, `rate FILE`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a measurement, on the tests' writer"
)]

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use runbook_snapshot::{Allow, Options, inspect, verify};
use sha2::{Digest, Sha256};

#[path = "../tests/snapshot/writer.rs"]
mod writer;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", file, megabytes, value] => make(
            Path::new(file),
            megabytes.parse().unwrap(),
            value.parse().unwrap(),
        ),
        [file] => measure(Path::new(file)),
        _ => eprintln!("usage: rate make FILE MEGABYTES VALUE_BYTES | rate FILE"),
    }
}

fn make(file: &Path, megabytes: i64, value: i64) {
    let count = (megabytes << 20) / (value + 60);
    let keys = writer::puts(count, &vec![b'x'; usize::try_from(value).unwrap()]);
    let image = writer::Writer::new(writer::etcd(keys)).build();
    std::fs::write(file, image.snapshot()).unwrap();
    println!("{} bytes, {count} keys", image.bytes.len() + 32);
}

/// Rounds, each of which measures everything once: what disturbs one row disturbs its neighbours.
const ROUNDS: usize = 9;

fn measure(file: &Path) {
    let bytes = std::fs::metadata(file).unwrap().len();
    let options = Options {
        hash_kv: true,
        ..Options::default()
    };
    let timed = |run: &dyn Fn()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let verified = || {
        verify(file, None, Allow::default()).unwrap();
    };
    let before = peak();
    verified();
    let added = (peak() - before) as f64 / 1024.0;
    let mut rows = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let (sum, verify) = (timed(&|| sum(file)), timed(&verified));
        let inspect = timed(&|| {
            inspect(file, &options).unwrap();
        });
        for (row, value) in rows.iter_mut().zip([sum, verify, inspect, sum / verify]) {
            row.push(value);
        }
    }
    let [sum, verify, inspect, ratio] = rows.map(median);
    for (name, seconds) in [
        ("sha2 alone, read in pieces", sum),
        ("snapshot verify", verify),
        ("snapshot inspect with HashKV", inspect),
    ] {
        let rate = bytes as f64 / seconds / 1e6;
        println!("{name:<34} {seconds:7.3} s {rate:7.0} MB/s");
    }
    println!("{:<34} {:9.0} %", "verify, of sha2's rate", ratio * 100.0);
    println!("{:<34} {added:9.1} MB", "peak memory added by verify");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn sum(file: &Path) {
    let mut file = std::fs::File::open(file).unwrap();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    std::hint::black_box(hasher.finalize());
}

/// Peak resident memory, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
