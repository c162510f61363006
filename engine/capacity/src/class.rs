//! Hardware by the number of Kubernetes nodes.

use runbook_model::sizing::SizeClass;
use serde::Serialize;

const GB: u64 = 1_000_000_000;

/// What a host of a member wants: the size that `preflight` compares it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// The size's name.
    pub name: &'static str,
    /// Nodes that it serves: fewer than this; none for the largest.
    pub nodes_below: Option<u64>,
    /// Processor cores.
    pub cores: u32,
    /// GB of memory.
    pub memory_gb: u64,
    /// Kind of disk.
    pub disk: &'static str,
    /// GB of disk.
    pub disk_gb: u64,
    /// Gbit/s of the network.
    pub network_gbps: u32,
}

/// The class for a number of Kubernetes nodes.
pub fn class_of(nodes: u64) -> Class {
    let size = SizeClass::of_nodes(nodes);
    let wanted = size.requirement();
    Class {
        name: size.as_str(),
        nodes_below: size.nodes_below(),
        cores: wanted.cores,
        memory_gb: wanted.memory / GB,
        disk: wanted.medium.as_str(),
        disk_gb: wanted.disk / GB,
        network_gbps: wanted.mbit / 1_000,
    }
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
            (1000, "xlarge"),
            (u64::MAX, "xlarge"),
        ] {
            assert_eq!(class_of(nodes).name, name, "{nodes}");
        }
    }
}
