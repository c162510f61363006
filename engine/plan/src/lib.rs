//! Checked runbook, inventory and view of the cluster in; plan out.
