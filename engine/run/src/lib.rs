//! Executes a plan: dispatcher, journal, locks, rollback. Knows the world by traits only.
