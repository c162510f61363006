//! Variables, connections and members: what the golden folders cannot show.

#![allow(clippy::unwrap_used)]

mod support;

use runbook_inventory::{Errors, Fact, Inventory, Overrides, Secrets, graph, list_json, vars};
use runbook_model::host::{Connection, HostName, Transport};
use serde_json::json;
use support::{Memory, read};

fn host(name: &str) -> HostName {
    HostName::new(name)
}

fn connection(line: &str) -> Result<Connection, Errors> {
    read("hosts.ini", format!("[etcd]\n{line}\n").as_bytes())
        .unwrap()
        .connection(&host("h"), &Overrides::default())
}

fn codes(errors: &Errors) -> Vec<&'static str> {
    errors.problems().iter().map(|p| p.fact.code()).collect()
}

#[test]
fn the_plain_address() {
    let c = connection("h").unwrap();
    assert_eq!(
        (c.address.as_str(), c.port, c.transport),
        ("h", None, Transport::Ssh)
    );
    let c = connection("h:2222").unwrap();
    assert_eq!(c.port, Some(2222));
    let c = connection("h ansible_host=192.0.2.1 ansible_port='22'").unwrap();
    assert_eq!((c.address.as_str(), c.port), ("192.0.2.1", Some(22)));
}

#[test]
fn ssh_names_come_first_as_in_ansible() {
    let c =
        connection("h ansible_host=a ansible_ssh_host=b ansible_user=u ansible_ssh_user=v user=w")
            .unwrap();
    assert_eq!((c.address.as_str(), c.user.as_deref()), ("b", Some("v")));
}

#[test]
fn plain_names_count_on_the_host_alone() {
    let c = connection("h host=192.0.2.9 port=23 user=u private_key_file=~/k become=yes").unwrap();
    assert_eq!(
        (c.address.as_str(), c.port, c.user.as_deref()),
        ("192.0.2.9", Some(23), Some("u"))
    );
    assert_eq!(
        (c.private_key_file.as_deref(), c.r#become.is_some()),
        (Some("~/k"), true)
    );
    let inventory = read(
        "hosts.ini",
        b"[etcd]\nh\n[etcd:vars]\nport=8080\nuser=www\nhost=service\n",
    )
    .unwrap();
    let c = inventory
        .connection(&host("h"), &Overrides::default())
        .unwrap();
    assert_eq!((c.address.as_str(), c.port, c.user), ("h", None, None));
}

#[test]
fn the_command_line_wins() {
    let inventory = read(
        "hosts.ini",
        b"h ansible_user=a ansible_timeout=5 ansible_private_key_file=k\n",
    )
    .unwrap();
    let overrides = Overrides {
        user: Some("b".into()),
        connect_timeout_s: Some(9),
        r#become: true,
        ..Overrides::default()
    };
    let c = inventory.connection(&host("h"), &overrides).unwrap();
    assert_eq!(
        (
            c.user.as_deref(),
            c.connect_timeout_s,
            c.private_key_file.as_deref()
        ),
        (Some("b"), Some(9), Some("k"))
    );
    assert_eq!(c.r#become.unwrap().user, "root");
}

#[test]
fn hostile_values_are_refused_or_stay_words() {
    for (line, code) in [
        ("h ansible_host=-oProxyCommand=id", "unsafe"),
        ("h ansible_host='a b'", "unsafe"),
        ("h ansible_host=\"'a\\nb'\"", "unsafe"),
        ("h ansible_host=\"'a\\0b'\"", "unsafe"),
        ("h ansible_host='$(id)'", "unsafe"),
        ("h ansible_host=root@x", "unsafe"),
        ("h ansible_user=-x", "unsafe"),
        ("h ansible_host='{{ x }}'", "template"),
        ("h ansible_host=\"['a']\"", "value"),
        ("h ansible_ssh_common_args=\"'x\"", "value"),
    ] {
        let errors = connection(line).unwrap_err();
        assert_eq!(codes(&errors), [code], "{line}");
        assert_eq!(errors.problems()[0].place.line(), 2, "{line}");
    }
    let long = format!("h ansible_host={}", "a".repeat(100_000));
    assert_eq!(codes(&connection(&long).unwrap_err()), ["unsafe"]);
    let c =
        connection("h ansible_ssh_common_args='-o ProxyCommand=\"$(touch /tmp/x)\" `id` \\$HOME'")
            .unwrap();
    assert_eq!(
        c.ssh_args,
        ["-o", "ProxyCommand=$(touch /tmp/x)", "`id`", "$HOME"]
    );
}

#[test]
fn all_of_a_members_errors_at_once() {
    let inventory = read(
        "hosts.ini",
        b"[etcd]\nh ansible_port=x etcd_client_port=y etcd_data_dir=/\n",
    )
    .unwrap();
    let errors = inventory
        .member_spec(&host("h"), "etcd", &Overrides::default())
        .unwrap_err();
    assert_eq!(codes(&errors), ["value", "value", "path"]);
    assert_eq!(
        errors
            .problems()
            .iter()
            .map(|p| p.place.column())
            .collect::<Vec<_>>(),
        [16, 35, 51]
    );
}

#[test]
fn where_a_variable_was_written() {
    let files = Memory::of(&[
        ("inv/hosts.ini", b"[etcd]\nh a=1\n[etcd:vars]\nb = 2\n"),
        ("inv/group_vars/etcd.yml", b"---\nc:\n  - x\n"),
        ("inv/host_vars/h", b"d: 4\n"),
    ]);
    let inventory = runbook_inventory::load(
        &[runbook_inventory::InventorySpec::new("inv/hosts.ini")],
        &files,
    )
    .unwrap();
    let lines: Vec<String> = vars(&inventory, &host("h"), Secrets::Masked)
        .into_iter()
        .map(|v| format!("{}={} {}", v.name, v.value, v.origin))
        .collect();
    assert_eq!(
        lines,
        [
            "a=1 inv/hosts.ini:2:5",
            "b=2 inv/hosts.ini:4:5 (group `etcd`)",
            "c=[\"x\"] inv/group_vars/etcd.yml:2:1 (group `etcd`)",
            "d=4 inv/host_vars/h:1:4",
        ]
    );
}

fn disagreements(text: &str) -> Vec<String> {
    let inventory: Inventory = read("hosts.ini", text.as_bytes()).unwrap();
    let found = inventory.disagreements(&host("h"));
    found
        .into_iter()
        .map(|d| format!("{}: {} or {}", d.name, d.winner, d.other))
        .collect()
}

#[test]
fn groups_that_disagree() {
    let two = "[a]\nh\n[b]\nh\n[a:vars]\nv=1\nw=1\n[b:vars]\nv=2\nw=1\n";
    assert_eq!(
        disagreements(two),
        ["v: hosts.ini:9:3 (group `b`) or hosts.ini:6:3 (group `a`)"]
    );
    assert_eq!(
        disagreements(&format!("{two}[c:children]\nb\n[c:vars]\nv=3\n")),
        disagreements(two),
        "a parent is overridden, not in doubt"
    );
    assert_eq!(
        disagreements(&two.replace("[b]\nh", "[b]\nh v=9")),
        [""; 0],
        "the host settles it"
    );
    assert_eq!(
        disagreements(&format!("{two}ansible_group_priority=2\n")),
        [""; 0],
        "a priority settles it"
    );
    assert_eq!(
        disagreements("[a]\nh\n[a:vars]\nv=1\n[all:vars]\nv=2\n"),
        [""; 0]
    );
}

#[test]
fn passwords_are_masked() {
    let inventory = read(
        "hosts.ini",
        b"h ansible_password=hunter2 ansible_become_pass=hunter2 app_password=shown\n",
    )
    .unwrap();
    let listed = list_json(&inventory, None, Secrets::Masked).to_string();
    assert!(
        !listed.contains("hunter2") && listed.contains("shown"),
        "{listed}"
    );
    assert!(!format!("{inventory:?}").contains("hunter2"));
    assert!(
        list_json(&inventory, None, Secrets::Shown)
            .to_string()
            .contains("hunter2")
    );
    let warnings = inventory.connection_warnings(&host("h"));
    assert_eq!(warnings.len(), 2);
    assert!(matches!(*warnings[0].fact, Fact::PlainPassword { .. }));
}

#[test]
fn listing_of_a_limit() {
    let inventory = read("hosts.ini", b"[a]\nh x=1\ng x=2\n[b:children]\na\n").unwrap();
    let listed = list_json(&inventory, Some(&[host("g")]), Secrets::Masked);
    // What `ansible-inventory --list --limit g` prints.
    let want = json!({
        "_meta": {"hostvars": {"g": {"x": 2}}, "profile": "inventory_legacy"},
        "a": {"hosts": ["g"]}, "all": {"children": ["ungrouped", "b"]}, "b": {"children": ["a"]},
    });
    assert_eq!(listed, want);
}

#[test]
fn the_graph() {
    let inventory = read("hosts.ini", b"lone\n[a]\nh\n[b:children]\na\n[b]\ng\n").unwrap();
    // What `ansible-inventory --graph` prints.
    let want =
        "@all:\n  |--@ungrouped:\n  |  |--lone\n  |--@b:\n  |  |--@a:\n  |  |  |--h\n  |  |--g\n";
    assert_eq!(graph(&inventory, "all").unwrap(), want);
    assert_eq!(graph(&inventory, "nowhere"), None);
}

#[test]
fn comma_lists() {
    let files = Memory::default();
    let inventory = runbook_inventory::load(
        &[runbook_inventory::InventorySpec::new("h1, h2:2222,h[1:2],")],
        &files,
    )
    .unwrap();
    let hosts: Vec<&str> = inventory.hosts().iter().map(HostName::as_str).collect();
    assert_eq!(hosts, ["h1", "h2", "h[1:2]"]);
    assert_eq!(
        inventory
            .connection(&host("h2"), &Overrides::default())
            .unwrap()
            .port,
        Some(2222)
    );
}

#[test]
fn a_group_that_is_not_there_has_no_members() {
    let inventory = read("hosts.ini", b"[etcd]\n").unwrap();
    assert_eq!(
        inventory.members_of("etcd", &Overrides::default()).unwrap(),
        []
    );
    let errors = inventory
        .members_of("etdc", &Overrides::default())
        .unwrap_err();
    assert_eq!(
        errors.problems()[0].to_string(),
        "the inventory: group `etdc` is not defined"
    );
    assert_eq!(
        errors.problems()[0].fact.help().as_deref(),
        Some("did you mean `etcd`?")
    );
}

#[test]
fn advice_says_each_thing_once() {
    let inventory = read(
        "hosts.ini",
        b"[etcd]\ne[1:3]\n[etcd:vars]\nansible_become_password=x\netcd_dta_dir=/x\n",
    )
    .unwrap();
    assert_eq!(inventory.advice(inventory.hosts()).len(), 2);
    let password = inventory.become_password(&host("e1"));
    assert_eq!(
        password
            .map(|p| secrecy::ExposeSecret::expose_secret(&p).to_owned())
            .as_deref(),
        Some("x")
    );
}
