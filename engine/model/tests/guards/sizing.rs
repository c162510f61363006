//! Hosts against a size, disks against a limit.

use std::collections::BTreeMap;

use runbook_model::facts::{BlockDevice, FsyncFacts, HostFacts, LinkFacts};
use runbook_model::guard::{Guard, evaluate};
use runbook_model::sizing::SizeClass;
use runbook_model::view::View;

use crate::support::*;

/// A host that fits `medium`, and what it would take for `large`.
fn big(view: &mut View) {
    for n in 1..=3 {
        let facts = facts(view, n);
        facts.cores = 4;
        facts.memory_bytes = 16 << 30;
        let disk = facts.disks.get_mut(DATA).unwrap();
        (disk.total, disk.available) = (120_000_000_000, 80_000_000_000);
        let ssd = BlockDevice {
            name: "sda".into(),
            rotational: Some(false),
        };
        facts.media = BTreeMap::from([(DATA.into(), vec![ssd])]);
        let link = LinkFacts {
            interface: "eth0".into(),
            mbit: Some(1_000),
        };
        facts.links = BTreeMap::from([(format!("198.18.0.1{n}"), link)]);
    }
}

fn large_enough(change: impl FnOnce(&mut View)) -> View {
    three(|v| {
        big(v);
        change(v);
    })
}

#[test]
fn fits_size() {
    let guard = |size| Guard::FitsSize {
        members: all(3),
        size,
    };
    let medium = guard(SizeClass::Medium);
    let good = large_enough(|_| {});
    expect(&medium, &good, "holds", "3 of 3 hosts fit `medium`");
    expect(
        &guard(SizeClass::Small),
        &good,
        "holds",
        "3 of 3 hosts fit `small`",
    );
    expect(
        &guard(SizeClass::Large),
        &good,
        "violated",
        "`etcd1`: cores 4, 8 required; `etcd1`: memory 17.1 GB, 32.0 GB required",
    );
    let short = large_enough(|v| facts(v, 2).memory_bytes = 15_900_000_000);
    expect(
        &medium,
        &short,
        "violated",
        "`etcd2`: memory 15.9 GB, 16.0 GB required",
    );
    let full = large_enough(|v| facts(v, 3).disks.get_mut(DATA).unwrap().total = 99_999_999_999);
    expect(
        &medium,
        &full,
        "violated",
        "`etcd3`: disk 99.9 GB, 80.0 GB free on /, 100.0 GB required",
    );
    // One disk of a stack that spins makes the stack spin.
    let spins = large_enough(|v| {
        facts(v, 1).media.get_mut(DATA).unwrap().push(BlockDevice {
            name: "sdb".into(),
            rotational: Some(true),
        });
    });
    expect(
        &medium,
        &spins,
        "violated",
        "SSD (sda), HDD (sdb), SSD or faster required",
    );
}

#[test]
fn what_cannot_be_told_fits_no_size() {
    let medium = Guard::FitsSize {
        members: all(3),
        size: SizeClass::Medium,
    };
    // A hypervisor's disk that says that it spins says nothing; one that says that it does not was told so.
    let vague = |rotational| {
        large_enough(move |v| {
            facts(v, 1).media.get_mut(DATA).unwrap()[0] = BlockDevice {
                name: "vda".into(),
                rotational: Some(rotational),
            };
        })
    };
    expect(&medium, &vague(true), "unknown", "disk kind virtual (vda)");
    expect(&medium, &vague(false), "holds", "3 of 3");
    for hide in [
        (|f: &mut HostFacts| f.cores = 0) as fn(&mut HostFacts),
        |f| f.memory_bytes = 0,
        |f| f.disks.clear(),
        |f| f.media.clear(),
        |f| f.links.clear(),
        |f| f.links.values_mut().for_each(|l| l.mbit = None),
    ] {
        expect(
            &medium,
            &large_enough(|v| hide(facts(v, 2))),
            "unknown",
            "`etcd2`: ",
        );
    }
    expect(
        &medium,
        &large_enough(|v| cut(v, 2)),
        "unknown",
        "unreachable",
    );
    // One that is too small is worth more to know than one that cannot be told.
    let both = large_enough(|v| {
        facts(v, 1).cores = 1;
        facts(v, 2).links.clear();
    });
    expect(&medium, &both, "violated", "`etcd1`: cores 1, 4 required");
}

#[test]
fn a_size_is_told_as_a_table() {
    let guard = Guard::FitsSize {
        members: all(2),
        size: SizeClass::Medium,
    };
    let view = large_enough(|v| {
        facts(v, 2).cores = 2;
        facts(v, 2).links.clear();
    });
    let verdict = evaluate(&guard, &view);
    assert_eq!(
        verdict.table().unwrap(),
        "\
host              required       found                           verdict
etcd1  cores      4              4                               ok
etcd1  memory     16.0 GB        17.1 GB                         ok
etcd1  disk       100.0 GB       120.0 GB, 80.0 GB free on /     ok
etcd1  disk kind  SSD or faster  SSD (sda)                       ok
etcd1  network    1.0 Gbit/s     1.0 Gbit/s (eth0)               ok
etcd2  cores      4              2                               TOO SMALL
etcd2  memory     16.0 GB        17.1 GB                         ok
etcd2  disk       100.0 GB       120.0 GB, 80.0 GB free on /     ok
etcd2  disk kind  SSD or faster  SSD (sda)                       ok
etcd2  network    1.0 Gbit/s     no interface holds its address  UNKNOWN"
    );
    assert_eq!(verdict.headline(), "`etcd2`: cores 2, 4 required");
}

#[test]
fn fsync_within() {
    let guard = Guard::FsyncWithin {
        members: all(3),
        limit_ms: 10,
        run: "r1".into(),
    };
    let measured = |slowest: f64| {
        three(move |v| {
            for n in 1..=3 {
                let mut seconds = vec![0.001; 499];
                // 1 of 100 may be slow; here 6 of 500 are.
                seconds.extend([if n == 2 { slowest } else { 0.001 }; 6]);
                facts(v, n).fsync = FsyncFacts::of("/var/lib", &seconds);
            }
        })
    };
    expect(
        &guard,
        &measured(0.010),
        "holds",
        "3 of 3 disks are fast enough",
    );
    expect(
        &guard,
        &measured(0.0101),
        "violated",
        "`etcd2`: fsync p99 10.10 ms, longest 10.10 ms, of 505 on /var/lib, p99 10.00 ms required",
    );
    expect(&guard, &world(3), "unknown", "`measure-disk` does it");
    let partly = three(|v| facts(v, 1).fsync = FsyncFacts::of("/", &[0.001]));
    expect(&guard, &partly, "unknown", "`etcd2`: fsync not measured");
    assert_eq!(FsyncFacts::of("/", &[]), None);
    let of_100 = FsyncFacts::of("/", &[[0.002; 99].as_slice(), &[0.5]].concat()).unwrap();
    assert_eq!(
        (of_100.count, of_100.p99_us, of_100.max_us),
        (100, 2_000, 500_000)
    );
}
