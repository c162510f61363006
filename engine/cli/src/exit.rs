//! Exit codes: published, the same for every command.

/// All well.
pub const OK: u8 = 0;
/// A bug of ours.
pub const INTERNAL: u8 = 1;
/// A test of a runbook failed.
pub const TEST_FAILED: u8 = 2;
/// A guard refused.
pub const REFUSED: u8 = 3;
/// A host cannot be reached.
pub const UNREACHABLE: u8 = 4;
/// Another run, or another process of the same run, is at work.
pub const LOCKED: u8 = 7;
/// There is a run of this id already.
pub const EXISTS: u8 = 8;
/// A plan file is expired, used, edited, not the one named, or no longer what the same request comes to.
pub const STALE: u8 = 8;
/// Runbook, inventory, parameter or snapshot is bad.
pub const BAD_INPUT: u8 = 10;
/// `plan --detailed-exitcode`: something would change; `plan diff`: the plans differ.
pub const WOULD_CHANGE: u8 = 20;
/// The command line is wrong.
pub const USAGE: u8 = 64;
