//! The lock file.

use runbook_model::facts::LockFacts;

/// A lock file: the run on the first line, JSON after it.
pub(crate) fn lock(text: &str) -> Option<LockFacts> {
    let (run, json) = text.split_once('\n')?;
    let found = serde_json::from_str::<LockFacts>(json).ok();
    found.or_else(|| {
        (!run.is_empty()).then(|| LockFacts {
            run: run.to_owned(),
            holder: String::new(),
            since: String::new(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{LockFacts, lock};

    #[test]
    fn a_lock_whose_json_is_broken_is_still_a_lock() {
        assert_eq!(
            lock("r1\n{"),
            Some(LockFacts {
                run: "r1".into(),
                holder: String::new(),
                since: String::new()
            })
        );
        assert_eq!(lock(""), None);
    }
}
