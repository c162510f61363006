//! What a run could know when it sent an order: the last time it looked at hosts and members.

/// Milliseconds between a look and the order that it was for.
const JUST_NOW_MS: i64 = 100;
/// Milliseconds that a look takes at most.
const LONGEST_MS: i64 = 30_000;

/// Questions that are asked about the same time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    open: usize,
    began_ms: i64,
    ended_ms: i64,
}

impl Look {
    pub(crate) const fn asks(&mut self, now_ms: i64) {
        // A question that was broken off never ends.
        if self.open == 0 || now_ms - self.began_ms > LONGEST_MS {
            self.began_ms = now_ms;
            self.open = 0;
        }
        self.open += 1;
    }

    pub(crate) const fn is_answered(&mut self, now_ms: i64) {
        self.open = self.open.saturating_sub(1);
        self.ended_ms = now_ms;
    }

    /// From when on an order that is sent now could not foresee what happens.
    pub(crate) const fn since_ms(&self, now_ms: i64) -> i64 {
        if self.open == 0 && now_ms - self.ended_ms <= JUST_NOW_MS {
            self.began_ms
        } else {
            now_ms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Look;

    #[test]
    fn an_order_right_after_a_look_could_know_what_the_look_saw() {
        let mut look = Look::default();
        look.asks(1_000);
        look.asks(1_001);
        look.is_answered(1_002);
        assert_eq!(look.since_ms(1_003), 1_003, "one question is open still");
        look.is_answered(6_000);
        assert_eq!(look.since_ms(6_050), 1_000);
        assert_eq!(look.since_ms(9_000), 9_000, "that was another time");
    }

    #[test]
    fn a_question_that_was_broken_off_is_forgotten() {
        let mut look = Look::default();
        look.asks(0);
        look.asks(60_000);
        look.is_answered(60_002);
        assert_eq!(look.since_ms(60_003), 60_000);
    }
}
