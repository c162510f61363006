//! Hardware by the number of Kubernetes nodes.

use serde::Serialize;

/// What a host of a member wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// Its name.
    pub name: &'static str,
    /// Nodes that it serves: fewer than this; none for the largest.
    pub nodes_below: Option<u64>,
    /// Processor cores.
    pub cores: u32,
    /// GB of memory.
    pub memory_gb: u32,
    /// Kind of disk.
    pub disk: &'static str,
    /// GB of disk.
    pub disk_gb: u32,
    /// Gbit/s of the network.
    pub network_gbps: u32,
}

const fn class(
    name: &'static str,
    nodes_below: Option<u64>,
    (cores, memory_gb): (u32, u32),
    (disk, disk_gb): (&'static str, u32),
    network_gbps: u32,
) -> Class {
    Class {
        name,
        nodes_below,
        cores,
        memory_gb,
        disk,
        disk_gb,
        network_gbps,
    }
}

/// From the smallest to the largest.
pub const CLASSES: [Class; 4] = [
    class("small", Some(100), (2, 8), ("SSD", 50), 1),
    class("medium", Some(500), (4, 16), ("SSD", 100), 1),
    class("large", Some(1000), (8, 32), ("NVMe", 200), 10),
    class("very large", None, (16, 64), ("NVMe", 500), 10),
];

/// The class for a number of Kubernetes nodes.
pub fn class_of(nodes: u64) -> Class {
    let fits = |class: &&Class| class.nodes_below.is_none_or(|below| nodes < below);
    let [.., largest] = CLASSES;
    CLASSES.iter().find(fits).copied().unwrap_or(largest)
}

#[cfg(test)]
mod tests {
    use super::class_of;

    #[test]
    fn a_class_ends_before_its_bound() {
        for (nodes, name) in [
            (0, "small"),
            (99, "small"),
            (100, "medium"),
            (999, "large"),
            (1000, "very large"),
            (u64::MAX, "very large"),
        ] {
            assert_eq!(class_of(nodes).name, name, "{nodes}");
        }
    }
}
