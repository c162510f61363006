//! Runbooks made for tests and benchmarks.

use std::fmt::Write as _;

/// A runbook of this many steps that checks clean: parameters, guards, templates' worth of text, options, undo.
pub fn runbook_of(steps: usize) -> String {
    let mut out = String::from(
        "runbook generated {\n  about   \"Generated.\"\n  edition 1\n\n  param patience: bytes = 64MiB   \"room\"\n\n  target members = group(etcd)   expect 1 | 3 | 5\n\n  require reachable(members)\n",
    );
    for step in 0..steps {
        let _ = write!(
            out,
            "\n  # Step {step}.\n  step \"Restart, round {step}\" on members rolling quorum-safe leader last timeout 5m {{\n    require quorum-safe(members)\n    require disk-free(members, {} * patience + 1MiB)\n    directory \"/var/lib/runbook/{{run.id}}/{step}\" mode 0755 owner etcd\n    service etcd restarted undo {{ service etcd running }}\n    ensure cluster-healthy(members) within 1m\n  }}\n",
            step % 7 + 1
        );
    }
    out.push_str("\n  on failure { rollback }\n}\n");
    out
}
