//! Any bytes as a snapshot: no panic, no overflow, bounded memory and time; the verdict follows the trailer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runbook_snapshot::{Options, hash_kv_source, inspect_source, to_json};
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    // What lies behind the checksums is out of reach of chance: make them fit.
    let mut image = bytes.to_vec();
    image.truncate(bytes.len() / 512 * 512);
    for page_size in (10..=16).map(|power| 1 << power) {
        for at in [0, page_size] {
            sum_meta(&mut image, at);
        }
    }
    let trailer = Sha256::digest(&image);
    image.extend(trailer);
    read(&image);
});

fn read(bytes: &[u8]) {
    let options = Options {
        hash_kv: true,
        ..Options::default()
    };
    let report = inspect_source(&bytes, &options).expect("memory can be read");
    assert!(to_json(&report).is_object());
    if report.verdict.name() != "valid" {
        assert!(!report.verdict.reasons().is_empty());
    }
    if let Some(told) = report.database.and_then(|database| database.hash_kv) {
        let hash = hash_kv_source(&bytes, told.revision, told.compact_revision);
        assert_eq!(hash.expect("the same file"), told.hash);
    }
}

/// Makes a meta record's FNV-1a fit, if one seems to begin there.
fn sum_meta(image: &mut [u8], at: usize) {
    let Some(page) = image.get_mut(at..at + 80) else {
        return;
    };
    if page[16..20] != 0xED0C_DAED_u32.to_le_bytes() {
        return;
    }
    let sum = page[16..72].iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    page[72..80].copy_from_slice(&sum.to_le_bytes());
}
