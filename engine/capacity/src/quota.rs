//! The quota that fits a database.

use serde::Serialize;

/// etcd's own, where none is set: 2 GiB.
pub const DEFAULT_QUOTA: u64 = 2 << 30;
/// The largest that etcd recommends: 8 GiB. Above, starts, snapshots and defragmentations take too long.
pub const LARGEST_QUOTA: u64 = 8 << 30;
/// A database may grow to this part of its quota, so that nobody is woken before there is time to act.
const FULL: f64 = 0.7;

/// What to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// `etcd_quota_bytes`.
    pub bytes: u64,
    /// Whether the estimate, with headroom, fits below it.
    pub fits: bool,
}

/// The smallest of 2, 4 and 8 GiB of which a database of `bytes` fills no more than seven tenths.
pub fn quota_for(bytes: u64) -> Quota {
    let mut quota = DEFAULT_QUOTA;
    let fits = |quota: u64| bytes as f64 <= quota as f64 * FULL;
    while !fits(quota) && quota < LARGEST_QUOTA {
        quota *= 2;
    }
    Quota {
        bytes: quota,
        fits: fits(quota),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_QUOTA, LARGEST_QUOTA, quota_for};

    #[test]
    fn a_quota_leaves_headroom_and_ends_at_eight() {
        let gib = |n: f64| (n * f64::from(1 << 30)) as u64;
        for (size, quota, fits) in [
            (0, DEFAULT_QUOTA, true),
            (gib(1.3), DEFAULT_QUOTA, true),
            (gib(1.5), 4 << 30, true),
            (gib(5.5), LARGEST_QUOTA, true),
            (gib(6.0), LARGEST_QUOTA, false),
            (u64::MAX, LARGEST_QUOTA, false),
        ] {
            let found = quota_for(size);
            assert_eq!((found.bytes, found.fits), (quota, fits), "{size}");
        }
    }
}
