use super::*;

#[test]
fn listeners_are_read_from_either_source() {
    let ss = "LISTEN 0 4096 127.0.0.1:2379 0.0.0.0:* users:((\"etcd\",pid=71,fd=8))\nLISTEN 0 128 [::]:22 [::]:*\n";
    let found = ss_listeners(ss);
    assert_eq!(
        found[0],
        (
            2379,
            Listener {
                command: "etcd".into(),
                pid: 71
            }
        )
    );
    assert_eq!(found[1], (22, Listener::default()));
    let proc = "   0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n";
    assert_eq!(proc_listeners(proc), [(2379, Listener::default())]);
}

#[test]
fn versions_are_found_in_what_tools_print() {
    assert_eq!(
        version("etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.5\n"),
        "3.4.23"
    );
    assert_eq!(
        version("etcdctl version: 3.5.16\nAPI version: 3.5\n"),
        "3.5.16"
    );
    assert_eq!(version(""), "");
}

#[test]
fn a_data_dir_is_told_by_flag_or_environment() {
    assert_eq!(flag_value("--data-dir=/a"), Some("/a".into()));
    assert_eq!(flag_value("-data-dir\n/b c"), Some("/b c".into()));
}

#[test]
fn a_lock_whose_json_is_broken_is_still_a_lock() {
    assert_eq!(
        lock("r1\n{"),
        Some(LockFacts {
            run: "r1".into(),
            holder: String::new(),
            since: String::new()
        })
    );
    assert_eq!(lock(""), None);
}
