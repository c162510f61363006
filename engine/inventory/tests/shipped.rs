//! The inventories that we ship are fit for use.

#![allow(clippy::unwrap_used)]

use runbook_inventory::{Inventory, InventorySpec, Overrides, StdFiles, load};
use runbook_model::host::{Install, MemberSpec, Scheme, ServiceManager};

fn shipped(name: &str) -> (Inventory, Vec<MemberSpec>) {
    let path = format!("{}/../../inventories/{name}", env!("CARGO_MANIFEST_DIR"));
    let inventory = load(&[InventorySpec::new(path)], &StdFiles::default())
        .unwrap_or_else(|e| panic!("{:?}", miette::Report::new(e)));
    assert_eq!(
        inventory.advice(inventory.hosts()),
        [],
        "{name} earns warnings"
    );
    let members = inventory
        .members_of("etcd", &Overrides::default())
        .unwrap_or_else(|e| panic!("{:?}", miette::Report::new(e)));
    assert_eq!(members.len(), 3);
    (inventory, members)
}

#[test]
fn local() {
    let (_, members) = shipped("local.inv");
    for (i, m) in members.iter().enumerate() {
        let n = i + 1;
        assert_eq!(
            (m.scheme, m.manager, m.cluster.as_str()),
            (Scheme::Https, ServiceManager::Process, "demo")
        );
        assert_eq!(m.client_url(), format!("https://127.0.0.1:{n}2379"));
        assert_eq!(m.peer_url(), format!("https://127.0.0.1:{n}2380"));
        assert!(
            m.data_dir.ends_with(&format!("/.demo/etcd{n}/data")) && !m.data_dir.contains(".."),
            "{}",
            m.data_dir
        );
        assert!(
            m.control_pki_dir.ends_with("/.demo/pki"),
            "{}",
            m.control_pki_dir
        );
    }
}

#[test]
fn production_in_both_forms() {
    let ((ini, from_ini), (yaml, from_yaml)) = (shipped("prod.inv"), shipped("prod.yml"));
    assert_eq!(from_ini, from_yaml);
    assert_eq!(from_ini[0].install, Install::Package { version: None });
    for host in ini.hosts() {
        let overrides = Overrides::default();
        assert_eq!(
            ini.connection(host, &overrides).unwrap(),
            yaml.connection(host, &overrides).unwrap()
        );
        assert!(ini.connection(host, &overrides).unwrap().r#become.is_some());
    }
}
