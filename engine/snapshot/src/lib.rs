//! Reads an etcd snapshot natively: hash, b-tree, revision, keys.
