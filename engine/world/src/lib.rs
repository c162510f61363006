//! The only room with SSH, etcd, files, clock and processes.

pub mod etcd;
