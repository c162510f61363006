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

fn measure(file: &Path) {
    let bytes = std::fs::metadata(file).unwrap().len();
    let row = |name: &str, seconds: f64| {
        let rate = bytes as f64 / seconds / 1e6;
        println!("{name:<34} {seconds:7.3} s {rate:7.0} MB/s");
    };
    let best = |run: &mut dyn FnMut()| {
        let once = |run: &mut dyn FnMut()| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        };
        (0..5).map(|_| once(run)).fold(f64::INFINITY, f64::min)
    };
    let before = peak();
    row(
        "snapshot verify",
        best(&mut || {
            verify(file, None, Allow::default()).unwrap();
        }),
    );
    println!(
        "{:<34} {:7.1} MB",
        "peak memory added by it",
        (peak() - before) as f64 / 1024.0
    );
    row("sha2 alone, read in pieces", best(&mut || sum(file)));
    let options = Options {
        hash_kv: true,
        ..Options::default()
    };
    row(
        "snapshot inspect with HashKV",
        best(&mut || {
            inspect(file, &options).unwrap();
        }),
    );
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
