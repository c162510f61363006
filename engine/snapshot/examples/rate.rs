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

/// Rounds, each of which measures everything once. The best counts: whatever else runs can only slow one down.
const ROUNDS: usize = 15;

/// Seconds on the clock, and of this thread on a processor: another thread computes a file's SHA-256.
struct Took {
    clock: f64,
    processor: f64,
}

fn measure(file: &Path) {
    let bytes = std::fs::metadata(file).unwrap().len();
    let options = Options {
        hash_kv: true,
        ..Options::default()
    };
    let verified = || {
        verify(file, None, Allow::default()).unwrap();
    };
    let before = peak();
    verified();
    let added = (peak() - before) as f64 / 1024.0;
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        let (sum, verify) = (timed(&|| sum(file)), timed(&verified));
        let inspect = timed(&|| {
            inspect(file, &options).unwrap();
        });
        let values = [sum.clock, verify.clock, verify.processor, inspect.clock];
        for (best, value) in best.iter_mut().zip(values) {
            *best = best.min(value);
        }
    }
    let [sum, verify, walk, inspect] = best;
    for (name, seconds) in [
        ("sha2 alone, read in pieces", sum),
        ("snapshot verify", verify),
        ("  its walk, processor time", walk),
        ("snapshot inspect with HashKV", inspect),
    ] {
        let rate = bytes as f64 / seconds / 1e6;
        println!("{name:<34} {seconds:7.3} s {rate:7.0} MB/s");
    }
    println!(
        "{:<34} {:9.0} %",
        "verify, of sha2's rate",
        sum / verify * 100.0
    );
    println!("{:<34} {added:9.1} MB", "peak memory added by verify");
}

fn timed(run: &dyn Fn()) -> Took {
    let (start, before) = (Instant::now(), processor());
    run();
    Took {
        clock: start.elapsed().as_secs_f64(),
        processor: processor() - before,
    }
}

/// Seconds that this thread ran.
fn processor() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
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
