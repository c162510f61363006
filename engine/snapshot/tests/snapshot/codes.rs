//! Codes are an interface: each stands in docs/snapshot.md.

#[test]
fn every_code_is_documented() {
    let source = include_str!("../../src/damage.rs");
    let document = include_str!("../../../../docs/snapshot.md");
    let codes: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Damage::")?.split_once("=> \""))
        .filter_map(|(_, rest)| rest.strip_suffix("\","))
        .collect();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        assert!(document.contains(&format!("`{code}`")), "{code}");
    }
}
