//! Real members as plain processes on this machine: a cluster grows and shrinks, and what is refused changes nothing.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::{Place, Said};

/// Members on ports of their own; their processes end with it.
struct Members {
    place: Place,
    ports: Vec<(u16, u16)>,
}

impl Members {
    /// Inventories `1.inv` to `{most}.inv`, of the first so many hosts; the first `formed` are deployed.
    fn new(most: usize, formed: usize) -> Self {
        let place = Place::new();
        let held: Vec<_> = (0..most * 2)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let port = |at: usize| held[at].local_addr().unwrap().port();
        let ports: Vec<_> = (0..most).map(|n| (port(2 * n), port(2 * n + 1))).collect();
        drop(held);
        let members = Self { place, ports };
        for count in 1..=most {
            let hosts: Vec<_> = (1..=count).collect();
            members.inventory(&format!("{count}.inv"), &hosts);
        }
        members.succeeds(&["exec", "deploy", "-i", &format!("{formed}.inv"), "--yes"]);
        members
    }

    fn inventory(&self, name: &str, hosts: &[usize]) {
        let mut text = "[etcd]\n".to_owned();
        for n in hosts {
            let (client, peer) = self.ports[n - 1];
            let _ = writeln!(
                text,
                "etcd{n} etcd_client_port={client} etcd_peer_port={peer} etcd_data_dir=e{n}/data etcd_config=e{n}/etcd.conf etcd_pki_dir=e{n}/pki"
            );
        }
        // The lock on this machine is the cluster's: each test has a cluster of its own name.
        let _ = write!(
            text,
            "\n[etcd:vars]\netcd_cluster=scale-{}\n",
            self.ports[0].0
        );
        text += "ansible_connection=local\netcd_address=127.0.0.1\netcd_service_manager=process\npki_dir=pki\n";
        self.place.write(name, text.as_bytes());
    }

    #[track_caller]
    fn succeeds(&self, words: &[&str]) -> Said {
        let said = self.place.runbook(words);
        assert_eq!(said.code, 0, "{words:?}: {}{}", said.out, said.err);
        said
    }

    /// etcd's own tool at the first member. For five seconds after a start etcd changes no membership, and says so.
    fn etcdctl(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let out = self.etcdctl_once(words);
            let text = String::from_utf8_lossy(&out.stderr);
            if text.contains("unhealthy cluster") && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(250));
                continue;
            }
            assert!(out.status.success(), "{words:?}: {text}");
            return String::from_utf8(out.stdout).unwrap();
        }
    }

    fn etcdctl_once(&self, words: &[&str]) -> Output {
        let pki = self.place.path().join("pki");
        Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints=https://127.0.0.1:{}", self.ports[0].0))
            .arg(format!("--cacert={}", pki.join("ca.crt").display()))
            .arg(format!("--cert={}", pki.join("client.crt").display()))
            .arg(format!("--key={}", pki.join("client.key").display()))
            .args(words)
            .output()
            .unwrap()
    }

    /// Names of started voters, as etcd lists them.
    fn voters(&self) -> Vec<String> {
        let listed = self.etcdctl(&["member", "list"]);
        let mut names: Vec<_> = listed
            .lines()
            .filter(|line| line.contains(", started, ") && line.ends_with("false"))
            .filter_map(|line| line.split(", ").nth(2).map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// Refused with these words; nothing of the members' own has changed.
    #[track_caller]
    fn refuses(&self, code: i32, words: &[&str], said: &[&str]) {
        let kept = || {
            let files = self.place.tree().into_iter();
            let own = files.filter(|(path, _)| path.ends_with(".conf") || path.ends_with("data/"));
            (own.collect::<Vec<_>>(), self.etcdctl(&["member", "list"]))
        };
        let before = kept();
        let answer = self.place.runbook(words);
        let all = format!("{}{}", answer.out, answer.err);
        let flat = all.split_whitespace().filter(|w| *w != "│");
        let flat = flat.collect::<Vec<_>>().join(" ");
        assert_eq!(answer.code, code, "{all}");
        for text in said {
            assert!(flat.contains(text), "`{text}` is not in: {all}");
        }
        assert_eq!(kept(), before, "{words:?} changed something");
    }

    fn pid(&self, n: usize) -> Option<String> {
        let text = fs::read_to_string(self.place.path().join(format!("e{n}/etcd.pid"))).ok()?;
        let pid = text.split_whitespace().next()?.to_owned();
        // A number from a file may be another process's by now.
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let own = self.place.path().display().to_string();
        String::from_utf8_lossy(&environment)
            .contains(&own)
            .then_some(pid)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for pid in (1..=self.ports.len()).filter_map(|n| self.pid(n)) {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    }
}

#[test]
fn three_become_five_and_three_again() {
    let members = Members::new(5, 3);
    members.etcdctl(&["put", "key", "kept"]);
    let up = ["exec", "scale-up", "-i", "5.inv", "--yes"];
    // One of two that are no members yet: nothing is asked of the other.
    members.succeeds(&[&up[..], &["-e", "new=etcd5"]].concat());
    assert_eq!(members.voters(), ["etcd1", "etcd2", "etcd3", "etcd5"]);
    assert!(!members.place.path().join("e4").exists());
    members.succeeds(&up);
    let all = ["etcd1", "etcd2", "etcd3", "etcd4", "etcd5"];
    assert_eq!(members.voters(), all);
    let again = members.succeeds(&up);
    let said = format!("{}{}", again.out, again.err);
    assert!(
        said.contains("Nothing to do: 5 members, as in the inventory"),
        "{said}"
    );
    let conf = |n: usize| {
        fs::read_to_string(members.place.path().join(format!("e{n}/etcd.conf"))).unwrap()
    };
    let initial = |n| {
        let lines = conf(n);
        lines
            .lines()
            .find(|l| l.starts_with("ETCD_INITIAL_CLUSTER="))
            .unwrap()
            .to_owned()
    };
    assert!((2..=5).all(|n| initial(n) == initial(1)));

    let down = [
        "exec",
        "scale-down",
        "-i",
        "5.inv",
        "-e",
        "member=etcd4,etcd5",
        "--yes",
    ];
    members.succeeds(&down);
    assert_eq!(members.voters(), all[..3]);
    assert_eq!(
        members.etcdctl(&["get", "key", "--print-value-only"]),
        "kept\n"
    );
    assert!(
        (4..=5).all(|n| members.pid(n).is_none() && !initial(1).contains(&format!("etcd{n}=")))
    );
    let aside = fs::read_dir(members.place.path().join("e4")).unwrap();
    let names = aside.map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        names.filter(|n| n.starts_with("data")).count(),
        1,
        "set aside, not deleted"
    );
    let again = members.succeeds(&down);
    assert!(format!("{}{}", again.out, again.err).contains("everything was already so"));

    // Their certificates and set-aside data are no reason not to come back.
    members.succeeds(&up);
    assert_eq!(members.voters(), all);
}

#[test]
fn what_may_not_be_is_refused_before_anything_changes() {
    let members = Members::new(6, 3);
    let down = |leaving: &str, said: &[&str], code| {
        let leaving = format!("member={leaving}");
        let words = ["exec", "scale-down", "-i", "3.inv", "-e", &leaving, "--yes"];
        members.refuses(code, &words, said);
    };
    down("etcd9", &["the inventory has no host `etcd9`"], 10);
    down("etcd1,etcd2,etcd3", &["the target `rest` is empty"], 10);

    // A data dir that holds anything.
    fs::create_dir_all(members.place.path().join("e4/data/member")).unwrap();
    let up = |inventory: &str, said: &[&str]| {
        members.refuses(3, &["exec", "scale-up", "-i", inventory, "--yes"], said);
    };
    up("4.inv", &["data-dir-empty(newcomers)", "on `etcd4` holds"]);
    fs::remove_dir_all(members.place.path().join("e4/data")).unwrap();

    // What is named is to join, and is of the group.
    let named = |host: &str, said: &[&str], code| {
        let new = format!("new={host}");
        members.refuses(
            code,
            &["exec", "scale-up", "-i", "4.inv", "-e", &new, "--yes"],
            said,
        );
    };
    let listed = "`etcd2` is a member of the cluster already";
    named("etcd2", &[listed, "`-e new=HOST`; or none"], 3);
    named("etcd9", &["the inventory has no host `etcd9`"], 10);
    named("", &["is not a list of hosts of the group `etcd`"], 10);

    // The inventory lags behind the cluster.
    let foreign = "the cluster has a member `etcd3` that the inventory does not know";
    up("2.inv", &[foreign, "add its host to the inventory's group"]);

    // An even number is said to be one.
    let plan = members.succeeds(&["plan", "scale-up", "-i", "4.inv"]);
    let flat = plan.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let even =
        "4 members afterwards tolerate the loss of 1, as 3 would: an even number adds no safety";
    assert!(flat.contains(even), "{}", plan.out);
}

#[test]
fn a_cluster_that_is_not_well_is_mended_before_it_grows() {
    let members = Members::new(6, 3);
    let down = |leaving: &str, said: &[&str], code| {
        let leaving = format!("member={leaving}");
        let words = ["exec", "scale-down", "-i", "3.inv", "-e", &leaving, "--yes"];
        members.refuses(code, &words, said);
    };
    let up = |inventory: &str, said: &[&str]| {
        members.refuses(3, &["exec", "scale-up", "-i", inventory, "--yes"], said);
    };
    // Somebody's learner.
    let url = format!("--peer-urls=https://127.0.0.1:{}", members.ports[3].1);
    members.etcdctl(&["member", "add", "etcd4", &url, "--learner"]);
    let learner = "is a learner left half-way";
    up(
        "4.inv",
        &[
            learner,
            "`runbook resume` or `runbook rollback`",
            "-e member=etcd4",
        ],
    );
    up("5.inv", &[learner]);
    members.succeeds(&[
        "exec",
        "scale-down",
        "-i",
        "4.inv",
        "-e",
        "member=etcd4",
        "--yes",
    ]);
    assert_eq!(members.voters(), ["etcd1", "etcd2", "etcd3"]);

    // One that is down already.
    let pid = members.pid(3).unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    while members.pid(3).is_some() {
        std::thread::yield_now();
    }
    down(
        "etcd1",
        &[
            "without `etcd1` 1 of 2 voters are healthy, 2 are needed for quorum",
            "remove fewer",
        ],
        3,
    );
    up("4.inv", &["`etcd3` is down", "start it again"]);
    members.succeeds(&[
        "exec",
        "scale-down",
        "-i",
        "3.inv",
        "-e",
        "member=etcd3",
        "--yes",
    ]);
    assert_eq!(members.voters(), ["etcd1", "etcd2"]);
}

#[test]
fn a_failure_on_the_way_from_one_leaves_the_one() {
    let members = Members::new(3, 1);
    members.etcdctl(&["put", "key", "kept"]);
    // The second newcomer cannot start: the first has a vote by then, and is taken back before its process stops.
    let (client, _) = members.ports[2];
    let text = fs::read_to_string(members.place.path().join("3.inv")).unwrap();
    let broken = text.replace(
        &format!("etcd_client_port={client}"),
        &format!(
            "etcd_client_port={client} etcd_extra='{{\"ETCD_LISTEN_METRICS_URLS\": \"nonsense\"}}'"
        ),
    );
    members.place.write("broken.inv", broken.as_bytes());
    let said = members
        .place
        .runbook(&["exec", "scale-up", "-i", "broken.inv", "--yes"]);
    assert_ne!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(members.voters(), ["etcd1"], "{}{}", said.out, said.err);
    members.etcdctl(&["put", "key", "kept on"]);
    assert!((2..=3).all(|n| members.pid(n).is_none()));
    members.succeeds(&["exec", "scale-up", "-i", "3.inv", "--yes"]);
    assert_eq!(members.voters(), ["etcd1", "etcd2", "etcd3"]);
}
