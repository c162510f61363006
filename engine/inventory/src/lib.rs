//! Ansible-compatible inventories: files in, hosts, groups and variables out.
