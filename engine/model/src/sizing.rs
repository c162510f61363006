//! How big the hosts of an etcd cluster want to be, and how a host compares. Pure.

use serde::{Deserialize, Serialize};

use crate::facts::{BlockDevice, DiskFacts, HostFacts, LinkFacts};
use crate::host::MemberSpec;

/// Powers of 1000, as hardware is sold: a machine of 8 GiB that keeps some for itself still has 8 GB.
const GB: u64 = 1_000_000_000;

/// The size of the Kubernetes cluster that an etcd cluster carries, by its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SizeClass {
    /// Fewer than 100 nodes.
    Small,
    /// Fewer than 500.
    Medium,
    /// Fewer than 1000.
    Large,
    /// More.
    Xlarge,
}

/// What a host of a size must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Logical processors.
    pub cores: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes of the data dir's file system.
    pub disk: u64,
    /// The slowest kind of disk that will do.
    pub medium: Medium,
    /// Megabits a second.
    pub mbit: u32,
}

/// A kind of disk, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Medium {
    /// It spins.
    Hdd,
    /// Flash behind SATA, SAS or what looks like it.
    Ssd,
    /// Flash behind PCI Express.
    Nvme,
}

impl Medium {
    /// As people say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Medium::Hdd => "HDD",
            Medium::Ssd => "SSD",
            Medium::Nvme => "NVMe",
        }
    }
}

impl SizeClass {
    /// All, smallest first.
    pub const ALL: [SizeClass; 4] = [
        SizeClass::Small,
        SizeClass::Medium,
        SizeClass::Large,
        SizeClass::Xlarge,
    ];

    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            SizeClass::Small => "small",
            SizeClass::Medium => "medium",
            SizeClass::Large => "large",
            SizeClass::Xlarge => "xlarge",
        }
    }

    /// The size of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.as_str() == name)
    }

    /// Nodes that it carries: fewer than this; none for the largest.
    pub const fn nodes_below(self) -> Option<u64> {
        match self {
            SizeClass::Small => Some(100),
            SizeClass::Medium => Some(500),
            SizeClass::Large => Some(1_000),
            SizeClass::Xlarge => None,
        }
    }

    /// The smallest that carries so many nodes.
    pub fn of_nodes(nodes: u64) -> Self {
        let carries = |size: &Self| size.nodes_below().is_none_or(|below| nodes < below);
        Self::ALL
            .into_iter()
            .find(carries)
            .unwrap_or(SizeClass::Xlarge)
    }

    /// What each of its hosts must have.
    pub const fn requirement(self) -> Requirement {
        let (cores, memory, disk, medium, mbit) = match self {
            SizeClass::Small => (2, 8, 50, Medium::Ssd, 1_000),
            SizeClass::Medium => (4, 16, 100, Medium::Ssd, 1_000),
            SizeClass::Large => (8, 32, 200, Medium::Nvme, 10_000),
            SizeClass::Xlarge => (16, 64, 500, Medium::Nvme, 10_000),
        };
        Requirement {
            cores,
            memory: memory * GB,
            disk: disk * GB,
            medium,
            mbit,
        }
    }
}

/// How one thing of a host compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is enough.
    Enough,
    /// It is not.
    Short,
    /// It cannot be told, which is never enough.
    Unknown,
}

/// One thing of one host: required and found, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Host.
    pub host: String,
    /// `cores`, `memory`, `disk`...
    pub what: &'static str,
    /// Required.
    pub required: String,
    /// Found, or why it is not known.
    pub found: String,
    /// How that compares.
    pub fit: Fit,
}

/// Every thing that a size asks of a member's host.
pub fn rows(spec: &MemberSpec, facts: &HostFacts, size: SizeClass) -> Vec<Row> {
    let wanted = size.requirement();
    let row = |what, required: String, (found, fit): (String, Fit)| Row {
        host: spec.host.to_string(),
        what,
        required,
        found,
        fit,
    };
    let enough = |known: bool, enough: bool| match (known, enough) {
        (false, _) => Fit::Unknown,
        (true, true) => Fit::Enough,
        (true, false) => Fit::Short,
    };
    let (cores, memory) = (facts.cores, facts.memory_bytes);
    vec![
        row(
            "cores",
            wanted.cores.to_string(),
            (cores.to_string(), enough(cores > 0, cores >= wanted.cores)),
        ),
        row(
            "memory",
            gb(wanted.memory),
            (gb(memory), enough(memory > 0, memory >= wanted.memory)),
        ),
        row(
            "disk",
            gb(wanted.disk),
            room(facts.disks.get(&spec.data_dir), wanted.disk),
        ),
        row(
            "disk kind",
            match wanted.medium {
                Medium::Nvme => Medium::Nvme.as_str().to_owned(),
                slower => format!("{} or faster", slower.as_str()),
            },
            medium(facts.media.get(&spec.data_dir), wanted.medium),
        ),
        row(
            "network",
            gbit(wanted.mbit),
            speed(facts.links.get(&spec.address), wanted.mbit),
        ),
    ]
}

/// Rows as a table with aligned columns, a line a row.
pub fn table(rows: &[Row]) -> String {
    let head = ["host", "", "required", "found", "verdict"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        [
            row.host.clone(),
            row.what.to_owned(),
            row.required.clone(),
            row.found.clone(),
            match row.fit {
                Fit::Enough => "ok",
                Fit::Short => "TOO SMALL",
                Fit::Unknown => "UNKNOWN",
            }
            .to_owned(),
        ]
    });
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(cells).collect();
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let laid = |line: &[String; 5]| {
        let cells = line.iter().zip(widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(laid).collect::<Vec<_>>().join("\n")
}

fn room(disk: Option<&DiskFacts>, wanted: u64) -> (String, Fit) {
    match disk.filter(|d| d.total > 0) {
        None => ("not told by the host".to_owned(), Fit::Unknown),
        Some(disk) => {
            let fit = if disk.total >= wanted {
                Fit::Enough
            } else {
                Fit::Short
            };
            let text = format!(
                "{}, {} free on {}",
                gb(disk.total),
                gb(disk.available),
                disk.mount
            );
            (text, fit)
        }
    }
}

fn medium(devices: Option<&Vec<BlockDevice>>, wanted: Medium) -> (String, Fit) {
    let Some(devices) = devices.filter(|d| !d.is_empty()) else {
        return ("no disk to be seen under it".to_owned(), Fit::Unknown);
    };
    let kinds: Vec<Option<Medium>> = devices.iter().map(kind).collect();
    let shown: Vec<String> = devices
        .iter()
        .zip(&kinds)
        .map(|(device, kind)| match kind {
            Some(kind) => format!("{} ({})", kind.as_str(), device.name),
            None => format!("virtual ({})", device.name),
        })
        .collect();
    let known = kinds.iter().flatten().min();
    let fit = match known {
        // A stack of disks is as slow as its slowest.
        Some(slowest) if *slowest < wanted => Fit::Short,
        _ if kinds.contains(&None) => Fit::Unknown,
        _ => Fit::Enough,
    };
    (shown.join(", "), fit)
}

/// A hypervisor's disk says that it spins unless somebody told it otherwise: that says nothing.
fn kind(device: &BlockDevice) -> Option<Medium> {
    let is_virtual = ["vd", "xvd"].iter().any(|p| device.name.starts_with(p));
    match device.rotational {
        _ if device.name.starts_with("nvme") => Some(Medium::Nvme),
        Some(false) => Some(Medium::Ssd),
        Some(true) if !is_virtual => Some(Medium::Hdd),
        Some(true) | None => None,
    }
}

fn speed(link: Option<&LinkFacts>, wanted: u32) -> (String, Fit) {
    match link {
        None => ("no interface holds its address".to_owned(), Fit::Unknown),
        Some(LinkFacts {
            interface,
            mbit: None,
        }) => (format!("virtual or down ({interface})"), Fit::Unknown),
        Some(LinkFacts {
            interface,
            mbit: Some(mbit),
        }) => {
            let fit = if *mbit >= wanted {
                Fit::Enough
            } else {
                Fit::Short
            };
            (format!("{} ({interface})", gbit(*mbit)), fit)
        }
    }
}

fn gb(bytes: u64) -> String {
    format!("{}.{} GB", bytes / GB, bytes % GB / (GB / 10))
}

fn gbit(mbit: u32) -> String {
    if mbit >= 1_000 {
        format!("{}.{} Gbit/s", mbit / 1_000, mbit % 1_000 / 100)
    } else {
        format!("{mbit} Mbit/s")
    }
}
