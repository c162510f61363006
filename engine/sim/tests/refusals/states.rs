//! What is wrong with a cluster, or with what somebody says of it.

use std::collections::BTreeMap;

use runbook_inventory::{Inventory, InventorySpec, Overrides, StdFiles};
use runbook_model::host::{HostName, MemberSpec};
use runbook_sim::{DataDir, MemberData, Model, Store};

/// A bad state, in the words of the one who is called at night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Members on the first so many hosts, of so many that the inventory names.
    Formed(usize, usize),
    /// Three hosts without a cluster.
    Fresh,
    /// Three of the inventory's four hosts are members; the fourth's data dir holds a member's data.
    DirtyNewcomer,
    /// Three of the inventory's four hosts are members; the fourth does not answer.
    DeadNewcomer,
    /// The third of three members runs the next minor.
    MixedVersions,
    /// The same, and there is a fourth host.
    MixedNewcomer,
    /// The second of three members has raised NOSPACE.
    Alarm,
    /// The same, and the third host has no power.
    AlarmAndDeadHost,
    /// The fourth host was added as a learner, and never started.
    Learner,
    /// The same, and the inventory does not have that host.
    UnknownLearner,
    /// The third of three hosts has no power.
    DeadHost,
    /// Two of five hosts have no power.
    TwoDead,
    /// The same, and the first of them is back with an empty disk.
    OneOfTwoIsBack,
    /// The third of three members is stopped; its host answers.
    DownMember,
    /// Two of three hosts have no power.
    DeadMajority,
    /// Two of three members are stopped; their hosts answer.
    DownMajority,
}

/// Every state.
pub const ALL: &[State] = &[
    State::Formed(3, 3),
    State::Formed(3, 4),
    State::Formed(4, 3),
    State::Formed(3, 5),
    State::Formed(7, 8),
    State::Fresh,
    State::DirtyNewcomer,
    State::DeadNewcomer,
    State::MixedVersions,
    State::MixedNewcomer,
    State::Alarm,
    State::AlarmAndDeadHost,
    State::Learner,
    State::UnknownLearner,
    State::DeadHost,
    State::TwoDead,
    State::OneOfTwoIsBack,
    State::DownMember,
    State::DeadMajority,
    State::DownMajority,
];

/// A cluster in a state, and the inventory that speaks of it.
pub struct Place {
    pub inventory: Inventory,
    pub specs: BTreeMap<HostName, MemberSpec>,
    pub model: Model,
    /// What has happened to it since.
    pub then: fn(&mut Model),
}

pub fn host(number: usize) -> HostName {
    HostName::new(format!("etcd{number}"))
}

fn inventory(hosts: usize) -> Inventory {
    let mut text = "[etcd]\n".to_owned();
    for n in 1..=hosts {
        text += &format!("etcd{n} ansible_host=10.0.0.{n}\n");
    }
    text += "\n[etcd:vars]\netcd_cluster=prod\npki_dir=/nonexistent/pki\netcd_install=present\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prod.inv");
    std::fs::write(&file, text).unwrap();
    let spec = InventorySpec::new(file.to_str().unwrap());
    runbook_inventory::load(&[spec], &StdFiles::default()).unwrap()
}

fn place(members: usize, hosts: usize, then: fn(&mut Model)) -> Place {
    let named = inventory(hosts);
    let all = inventory(hosts.max(members));
    let spec = |inventory: &Inventory, host: &HostName| {
        inventory
            .member_spec(host, "etcd", &Overrides::default())
            .unwrap()
    };
    let mut everyone: BTreeMap<_, _> = all
        .hosts()
        .iter()
        .map(|h| (h.clone(), spec(&all, h)))
        .collect();
    // Fewer than ten: they are in the order of their numbers.
    let bare = everyone.split_off(&host(members + 1));
    let mut store = Store::empty();
    store.put("colour", "green");
    let mut model = Model::formed(&everyone, &store);
    model.hosts.extend(Model::bare(&bare).hosts);
    model.put_snapshot("/home/ops/backup.db", store);
    let specs = named.hosts().iter().map(|h| (h.clone(), spec(&named, h)));
    Place {
        specs: specs.collect(),
        inventory: named,
        model,
        then,
    }
}

impl State {
    pub fn build(self) -> Place {
        match self {
            State::Formed(members, hosts) => place(members, hosts, |_| {}),
            State::Fresh => place(0, 3, |_| {}),
            State::DirtyNewcomer => place(3, 4, |model| {
                let old = DataDir {
                    owner: "etcd".to_owned(),
                    member: Some(MemberData::default()),
                    origin: None,
                };
                let newcomer = model.hosts.get_mut(&host(4)).unwrap();
                newcomer.data.insert("/var/lib/etcd".to_owned(), old);
            }),
            State::DeadNewcomer => place(3, 4, |model| model.power_off(&host(4))),
            State::MixedVersions => place(3, 3, newer),
            State::MixedNewcomer => place(3, 4, newer),
            State::Alarm => place(3, 3, alarm),
            State::AlarmAndDeadHost => place(3, 3, |model| {
                alarm(model);
                model.power_off(&host(3));
            }),
            State::Learner => place(3, 4, learner),
            State::UnknownLearner => place(3, 3, learner),
            State::DeadHost => place(3, 3, |model| model.power_off(&host(3))),
            State::TwoDead => place(5, 5, |model| {
                model.power_off(&host(4));
                model.power_off(&host(5));
            }),
            State::OneOfTwoIsBack => place(5, 5, |model| {
                model.stop(&host(4), "etcd");
                let back = model.hosts.get_mut(&host(4)).unwrap();
                back.data.clear();
                back.files.clear();
                back.services.clear();
                model.power_off(&host(5));
            }),
            State::DownMember => place(3, 3, |model| model.stop(&host(3), "etcd")),
            State::DeadMajority => place(3, 3, |model| {
                model.power_off(&host(2));
                model.power_off(&host(3));
            }),
            State::DownMajority => place(3, 3, |model| {
                model.stop(&host(2), "etcd");
                model.stop(&host(3), "etcd");
            }),
        }
    }
}

/// The third member's binaries were exchanged, and it was restarted.
fn newer(model: &mut Model) {
    let services = &mut model.hosts.get_mut(&host(3)).unwrap().services;
    let etcd = services.get_mut("etcd").unwrap().etcd.as_mut().unwrap();
    "3.6.1".clone_into(&mut etcd.version);
}

fn alarm(model: &mut Model) {
    let id = model.running_member(&host(2)).unwrap().member_id;
    for number in 1..=3 {
        let data = model
            .hosts
            .get_mut(&host(number))
            .unwrap()
            .data
            .values_mut();
        for member in data.filter_map(|dir| dir.member.as_mut()) {
            member.alarms.insert(id);
        }
    }
}

fn learner(model: &mut Model) {
    let url = "https://10.0.0.4:2380".to_owned();
    model.member_add(&host(1), &[url], true).unwrap();
}
