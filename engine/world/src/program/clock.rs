//! How far a host's clock is off, as far as one round trip can tell.

/// Host clock minus control clock, milliseconds: the least that is certain, when the host read its clock some time between these two.
pub(super) fn offset(host_ms: i64, began_ms: i64, ended_ms: i64) -> i64 {
    if host_ms < began_ms {
        host_ms - began_ms
    } else {
        (host_ms - ended_ms).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn a_slow_round_trip_is_no_wrong_clock() {
        assert_eq!(offset(1_000, 1_000, 1_000), 0);
        assert_eq!(offset(1_010, 1_000, 4_000), 0);
        assert_eq!(offset(3_990, 1_000, 4_000), 0);
        assert_eq!(offset(900, 1_000, 4_000), -100);
        assert_eq!(offset(4_100, 1_000, 4_000), 100);
    }
}
