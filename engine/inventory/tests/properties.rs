//! No input brings the readers down, and values come back as they went in.

#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use runbook_inventory::{Overrides, Secrets, graph, list_json};
use support::read;

/// Reads, and where that works asks every question that can be asked.
fn ask(name: &str, bytes: &[u8]) {
    match read(name, bytes) {
        Ok(inventory) => {
            list_json(&inventory, None, Secrets::Masked);
            let _ = inventory.members_of("all", &Overrides::default());
            for host in inventory.hosts() {
                inventory.disagreements(host);
                inventory.member_warnings(host);
                inventory.connection_warnings(host);
            }
            graph(&inventory, "all");
        }
        Err(errors) => {
            // Every error can be shown, with its snippet.
            let _ = format!("{:?}", miette::Report::new(errors));
        }
    }
}

/// Pieces that inventories are made of, in any order.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        Just("[".to_owned()),
        Just("]".into()),
        Just(":".into()),
        Just("=".into()),
        Just("\n".into()),
        Just("  ".into()),
        Just("'".into()),
        Just("\"".into()),
        Just("\\".into()),
        Just("#".into()),
        Just("etcd".into()),
        Just("all".into()),
        Just("[etcd]\n".into()),
        Just("[a:children]\n".into()),
        Just("[a:vars]\n".into()),
        Just("h[1:3]".into()),
        Just("hosts:".into()),
        Just("children:".into()),
        Just("vars:".into()),
        Just("- ".into()),
        Just("&x ".into()),
        Just("*x".into()),
        Just("<<: ".into()),
        Just("{".into()),
        Just("}".into()),
        Just("ansible_password=".into()),
        Just("etcd_data_dir=".into()),
        Just("etcd_extra: ".into()),
        Just("\u{202e}é日".into()),
        Just("\r".into()),
        "[ -~]{0,4}",
    ];
    prop::collection::vec(scrap, 0..40).prop_map(|v| v.concat())
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for name in ["hosts", "hosts.ini", "hosts.yml"] {
            ask(name, &bytes);
        }
    }

    #[test]
    fn any_scraps(text in scraps()) {
        for name in ["hosts", "hosts.ini", "hosts.yml"] {
            ask(name, text.as_bytes());
        }
    }

    #[test]
    fn any_pattern(pattern in "[a-z0-9:,!&~*?@\\[\\]().-]{0,20}") {
        let inventory = read("hosts.ini", b"[etcd]\netcd[1:3]\n[a:children]\netcd\n").unwrap();
        if let Ok(hosts) = inventory.pattern(&pattern) {
            let known = hosts.iter().all(|h| inventory.has_host(h));
            prop_assert!(known);
        }
    }

    /// A quoted value is data, whatever it holds: it comes back byte for byte.
    #[test]
    fn values_stay_data(value in "[^'\"\\\\\\p{C}\u{2028}\u{2029}]{0,200}") {
        prop_assume!(!value.is_empty());
        let text = format!("h v='\"{value}\"'\n");
        let inventory = read("hosts.ini", text.as_bytes()).unwrap();
        let host = inventory.hosts()[0].clone();
        prop_assert_eq!(&inventory.var(&host, "v").unwrap().value, &serde_json::Value::String(value));
    }

    /// Every step of a range is one host, none twice, none missing.
    #[test]
    fn ranges_name_each_host_once(first in 0_u32..200, count in 1_u32..200, step in 1_u32..9, padded: bool) {
        let last = first + count;
        let (a, b) = if padded { (format!("{first:05}"), format!("{last:05}")) } else { (first.to_string(), last.to_string()) };
        let inventory = read("hosts.ini", format!("h[{a}:{b}:{step}]\n").as_bytes()).unwrap();
        let names: Vec<String> = inventory.hosts().iter().map(ToString::to_string).collect();
        let width = if padded { 5 } else { 0 };
        let want: Vec<String> = (first..=last).step_by(step as usize).map(|i| format!("h{i:0width$}")).collect();
        prop_assert_eq!(names, want);
    }

    /// A listing written as a YAML inventory says the same.
    #[test]
    fn listing_round_trip(vars in prop::collection::btree_map("[a-z]{1,6}", "[ -~é日\\n]{0,30}", 0..8), hosts in prop::collection::btree_set("[a-z]{1,8}", 1..6)) {
        let body: serde_json::Map<String, serde_json::Value> = hosts.iter().map(|h| (format!("{h}-1"), serde_json::json!(vars))).collect();
        let text = serde_json::json!({"etcd": {"hosts": body}}).to_string();
        let inventory = read("hosts.json", text.as_bytes()).unwrap();
        let listed = list_json(&inventory, None, Secrets::Masked);
        for host in &hosts {
            let got = listed["_meta"]["hostvars"].get(format!("{host}-1")).cloned().unwrap_or(serde_json::json!({}));
            prop_assert_eq!(got, serde_json::json!(vars));
        }
    }
}

#[test]
fn hostile_sizes() {
    ask(
        "hosts.ini",
        format!("h a={}\n", "x".repeat(100_000)).as_bytes(),
    );
    ask("hosts.ini", format!("{}\n", "[".repeat(100_000)).as_bytes());
    ask(
        "hosts.ini",
        format!("h a={}\n", "(".repeat(100_000)).as_bytes(),
    );
    ask("hosts.yml", "{".repeat(100_000).as_bytes());
    ask(
        "hosts.yml",
        format!("a: {}\n", "- ".repeat(10_000)).as_bytes(),
    );
    ask("hosts.ini", b"h\0ost a=\0\n\x1b[2J\n");
    let chain: String = (0..500)
        .map(|i| format!("[g{i}:children]\ng{}\n", i + 1))
        .collect();
    ask(
        "hosts.ini",
        format!("{chain}[g500]\nh etcd_cluster=x\n").as_bytes(),
    );
}
