//! The alerts: one table.
//!
//! In an expression `@` stands for the cluster's selector. Every one was looked at against the metrics of real members;
//! what is aggregated away is what does not tell members apart. `for` is long enough for a restart or an election.

use crate::answer::{Answer, Runbook};

/// How soon a person is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Now.
    Critical,
    /// In working hours.
    Warning,
}

impl Severity {
    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        }
    }
}

/// One alert of every cluster.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// How soon a person is wanted.
    pub severity: Severity,
    /// What holds while it is wanted; `@` stands for the cluster's selector: its job, or for the series of `runbook status` its name.
    pub expr: &'static str,
    /// For how long it must hold.
    pub r#for: &'static str,
    /// What is wrong, in a sentence.
    pub summary: &'static str,
    /// With values: a template of Prometheus.
    pub description: &'static str,
    /// What answers it.
    pub answer: Answer,
}

impl Alert {
    /// Whether it asks what `runbook status` saw, and not the members themselves.
    pub fn is_of_status(&self) -> bool {
        self.expr.contains("runbook_etcd_")
    }

    /// The expression for the series that `selector`, such as `job="etcd"`, chooses.
    pub fn expression(&self, selector: &str) -> String {
        self.expr.replace('@', selector)
    }
}

/// Every alert, the gravest first within its subject.
pub const ALERTS: &[Alert] = &[
    // members and quorum
    Alert {
        name: "EtcdInsufficientMembers",
        severity: Severity::Critical,
        expr: "sum by (job, cluster) (up{@}) < (count by (job, cluster) (up{@}) + 1) / 2",
        r#for: "2m",
        summary: "etcd has no quorum",
        description: "Cluster {{ $labels.cluster }}: only {{ $value }} members answer, fewer than its quorum. Nothing can be written.",
        answer: Answer::Exec(Runbook::RecoverMajority),
    },
    Alert {
        name: "EtcdNoLeader",
        severity: Severity::Critical,
        expr: "etcd_server_has_leader{@} == 0",
        r#for: "1m",
        summary: "etcd has no leader",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} ({{ $labels.instance }}) has no leader.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdSeveralLeaders",
        severity: Severity::Critical,
        expr: "sum by (job, cluster) (etcd_server_is_leader{@}) > 1",
        r#for: "2m",
        summary: "etcd fell apart into several clusters",
        description: "Cluster {{ $labels.cluster }}: {{ $value }} members lead at once. They no longer form one cluster, and their data goes apart.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdMemberDown",
        severity: Severity::Warning,
        expr: "up{@} == 0",
        r#for: "3m",
        summary: "an etcd member does not answer",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} ({{ $labels.instance }}) does not answer. The cluster can lose fewer members than it should.",
        answer: Answer::Exec(Runbook::Replace),
    },
    Alert {
        name: "EtcdNotScraped",
        severity: Severity::Critical,
        expr: "absent(etcd_server_has_leader{@})",
        r#for: "5m",
        summary: "nothing is known of an etcd cluster",
        description: "No member's metrics arrive: the cluster is down, or Prometheus does not reach it.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdPeerUnreachable",
        severity: Severity::Warning,
        expr: "rate(etcd_network_peer_sent_failures_total{@}[5m]) > 0.01",
        r#for: "10m",
        summary: "etcd members do not reach each other",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} fails to send {{ $value | humanize }} messages a second to the member of id {{ $labels.To }}.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdHighNumberOfLeaderChanges",
        severity: Severity::Warning,
        // Each member counts what it has seen: the changes of a cluster are those of the member that has seen most.
        expr: "max by (job, cluster) (increase(etcd_server_leader_changes_seen_total{@}[1h])) > 3",
        r#for: "5m",
        summary: "etcd changes its leader often",
        description: "Cluster {{ $labels.cluster }}: {{ $value | humanize }} changes of the leader within an hour. Slow disks, a slow network or starved hosts do that.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    Alert {
        name: "EtcdLearnerLeft",
        severity: Severity::Warning,
        expr: "etcd_server_is_learner{@} == 1",
        r#for: "1h",
        summary: "an etcd learner was never promoted",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} has been a learner for an hour. Who was adding it?",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdVersionsDiffer",
        severity: Severity::Warning,
        expr: "count by (job, cluster) (count by (job, cluster, server_version) (etcd_server_version{@})) > 1",
        r#for: "2h",
        summary: "etcd members run different versions",
        description: "Cluster {{ $labels.cluster }}: {{ $value }} versions run side by side. An upgrade was begun and not ended.",
        answer: Answer::Status,
    },
    // proposals
    Alert {
        name: "EtcdHighNumberOfFailedProposals",
        severity: Severity::Warning,
        expr: "increase(etcd_server_proposals_failed_total{@}[1h]) > 5",
        r#for: "5m",
        summary: "etcd writes fail",
        description: "Cluster {{ $labels.cluster }}: {{ $value | humanize }} proposals failed on member {{ $labels.member }} within an hour: elections, or a lost quorum.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdProposalsPending",
        severity: Severity::Warning,
        expr: "etcd_server_proposals_pending{@} > 100",
        r#for: "5m",
        summary: "etcd writes queue up",
        description: "Cluster {{ $labels.cluster }}: {{ $value }} proposals wait on member {{ $labels.member }}.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    Alert {
        name: "EtcdApplyLag",
        severity: Severity::Warning,
        // At 5000 a member refuses writes: `etcdserver: too many requests`.
        expr: "etcd_server_proposals_committed_total{@} - etcd_server_proposals_applied_total{@} > 1000",
        r#for: "5m",
        summary: "an etcd member applies writes too slowly",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} is {{ $value }} entries behind what is committed; at 5000 it refuses writes.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    // requests
    Alert {
        name: "EtcdHighNumberOfFailedGRPCRequests",
        severity: Severity::Critical,
        expr: "sum by (job, cluster, instance, member, grpc_service, grpc_method) (rate(grpc_server_handled_total{@, grpc_type=\"unary\", grpc_method!=\"Defragment\", grpc_code=~\"Unknown|FailedPrecondition|ResourceExhausted|Internal|Unavailable|DataLoss|DeadlineExceeded\"}[5m])) / sum by (job, cluster, instance, member, grpc_service, grpc_method) (rate(grpc_server_handled_total{@, grpc_type=\"unary\", grpc_method!=\"Defragment\"}[5m])) > 0.05",
        r#for: "5m",
        summary: "etcd requests fail",
        description: "Cluster {{ $labels.cluster }}: {{ $value | humanizePercentage }} of {{ $labels.grpc_method }} requests fail on member {{ $labels.member }}.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdGRPCRequestsSlow",
        severity: Severity::Warning,
        // Members count durations with ETCD_METRICS=extensive alone. Maintenance takes the time that it takes.
        expr: "histogram_quantile(0.99, sum by (job, cluster, instance, member, grpc_method, le) (rate(grpc_server_handling_seconds_bucket{@, grpc_type=\"unary\", grpc_method!~\"Defragment|Compact|Hash|HashKV|MoveLeader\"}[5m]))) > 0.15",
        r#for: "10m",
        summary: "etcd requests are slow",
        description: "Cluster {{ $labels.cluster }}: the slowest 1% of {{ $labels.grpc_method }} requests take {{ $value | humanizeDuration }} on member {{ $labels.member }}.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    Alert {
        name: "EtcdHighPeerRTT",
        severity: Severity::Warning,
        expr: "histogram_quantile(0.99, rate(etcd_network_peer_round_trip_time_seconds_bucket{@}[5m])) > 0.15",
        r#for: "10m",
        summary: "etcd members are slow to reach each other",
        description: "Cluster {{ $labels.cluster }}: the slowest 1% of round trips from member {{ $labels.member }} to the member of id {{ $labels.To }} take {{ $value | humanizeDuration }}.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    // disk
    Alert {
        name: "EtcdHighFsyncDurations",
        severity: Severity::Warning,
        expr: "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket{@}[5m])) > 0.5",
        r#for: "5m",
        summary: "the disk below etcd's log is slow",
        description: "Cluster {{ $labels.cluster }}: the slowest 1% of fsyncs of the write-ahead log take {{ $value | humanizeDuration }} on member {{ $labels.member }}.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    Alert {
        name: "EtcdHighCommitDurations",
        severity: Severity::Warning,
        expr: "histogram_quantile(0.99, rate(etcd_disk_backend_commit_duration_seconds_bucket{@}[5m])) > 0.25",
        r#for: "10m",
        summary: "the disk below etcd's database is slow",
        description: "Cluster {{ $labels.cluster }}: the slowest 1% of commits to the database take {{ $value | humanizeDuration }} on member {{ $labels.member }}.",
        answer: Answer::Exec(Runbook::Preflight),
    },
    // space: a quota below zero is none
    Alert {
        name: "EtcdNoSpace",
        severity: Severity::Critical,
        // Up to 3.5 no metric tells of alarms: what a member refuses for want of room does. 3.6 tells the alarm itself.
        expr: "sum by (job, cluster, instance, member) (increase(grpc_server_handled_total{@, grpc_code=\"ResourceExhausted\", grpc_method=~\"Put|Txn|LeaseGrant\"}[5m])) > 0 or max by (job, cluster, instance, member) (etcd_debugging_server_alarms{@, alarm_type=\"NOSPACE\"}) == 1",
        r#for: "1m",
        summary: "etcd refuses writes for want of room",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} refuses writes, as it does under the alarm NOSPACE.",
        answer: Answer::Exec(Runbook::RecoverNospace),
    },
    Alert {
        name: "EtcdCorrupt",
        severity: Severity::Critical,
        expr: "max by (job, cluster, instance, member) (etcd_debugging_server_alarms{@, alarm_type=\"CORRUPT\"}) == 1",
        r#for: "0s",
        summary: "etcd found that its members' data differ",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} reports the alarm CORRUPT. Replace the member whose data differs; restore nothing for it.",
        answer: Answer::Status,
    },
    Alert {
        name: "EtcdDatabaseQuotaLowSpace",
        severity: Severity::Critical,
        expr: "etcd_mvcc_db_total_size_in_bytes{@} / (etcd_server_quota_backend_bytes{@} > 0) > 0.95",
        r#for: "5m",
        summary: "the etcd database is nearly full",
        description: "Cluster {{ $labels.cluster }}: the database of member {{ $labels.member }} takes {{ $value | humanizePercentage }} of its quota. At 100% nothing can be written.",
        answer: Answer::Exec(Runbook::Maintain),
    },
    Alert {
        name: "EtcdBackendQuotaLowSpace",
        severity: Severity::Warning,
        expr: "etcd_mvcc_db_total_size_in_bytes{@} / (etcd_server_quota_backend_bytes{@} > 0) > 0.8",
        r#for: "5m",
        summary: "the etcd database is filling",
        description: "Cluster {{ $labels.cluster }}: the database of member {{ $labels.member }} takes {{ $value | humanizePercentage }} of its quota.",
        answer: Answer::Exec(Runbook::Maintain),
    },
    Alert {
        name: "EtcdExcessiveDatabaseGrowth",
        severity: Severity::Warning,
        expr: "predict_linear(etcd_mvcc_db_total_size_in_bytes{@}[4h], 4 * 3600) > (etcd_server_quota_backend_bytes{@} > 0)",
        r#for: "10m",
        summary: "the etcd database fills within four hours",
        description: "Cluster {{ $labels.cluster }}: as it grew in the last four hours, the database of member {{ $labels.member }} has {{ $value | humanize1024 }}B in four hours, more than its quota.",
        answer: Answer::Exec(Runbook::Maintain),
    },
    Alert {
        name: "EtcdDatabaseHighFragmentationRatio",
        severity: Severity::Warning,
        // Below 100 MiB in use there is little to give back.
        expr: "etcd_mvcc_db_total_size_in_use_in_bytes{@} / etcd_mvcc_db_total_size_in_bytes{@} < 0.5 and etcd_mvcc_db_total_size_in_use_in_bytes{@} > 104857600",
        r#for: "10m",
        summary: "half of the etcd database is empty",
        description: "Cluster {{ $labels.cluster }}: of the database of member {{ $labels.member }} only {{ $value | humanizePercentage }} is in use; defragmenting gives the rest back.",
        answer: Answer::Exec(Runbook::Maintain),
    },
    // process
    Alert {
        name: "EtcdFileDescriptorsExhausted",
        severity: Severity::Warning,
        expr: "process_open_fds{@} / process_max_fds{@} > 0.8",
        r#for: "10m",
        summary: "etcd runs out of file descriptors",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} uses {{ $value | humanizePercentage }} of its file descriptors (LimitNOFILE of its unit).",
        answer: Answer::Status,
    },
    // what `runbook status` saw
    Alert {
        name: "EtcdCertificateExpires",
        severity: Severity::Critical,
        expr: "runbook_etcd_certificate_not_after_timestamp_seconds{@, certificate!=\"ca\"} - time() < 7 * 86400",
        r#for: "10m",
        summary: "an etcd certificate ends within a week",
        description: "Cluster {{ $labels.cluster }}: the {{ $labels.certificate }} certificate{{ with $labels.member }} of member {{ . }}{{ end }} ends in {{ $value | humanizeDuration }}. Once it has ended, nobody who checks it connects.",
        answer: Answer::Exec(Runbook::RotateCerts),
    },
    Alert {
        name: "EtcdCertificateExpires",
        severity: Severity::Warning,
        // As `rotate-certs` renews without a parameter: what fires is what it does.
        expr: "runbook_etcd_certificate_not_after_timestamp_seconds{@, certificate!=\"ca\"} - time() < 30 * 86400",
        r#for: "10m",
        summary: "an etcd certificate ends within a month",
        description: "Cluster {{ $labels.cluster }}: the {{ $labels.certificate }} certificate{{ with $labels.member }} of member {{ . }}{{ end }} ends in {{ $value | humanizeDuration }}.",
        answer: Answer::Exec(Runbook::RotateCerts),
    },
    Alert {
        name: "EtcdAuthorityExpires",
        severity: Severity::Warning,
        // No certificate outlives it, and replacing it takes everybody who trusts it.
        expr: "min by (cluster) (runbook_etcd_certificate_not_after_timestamp_seconds{@, certificate=\"ca\"}) - time() < 90 * 86400",
        r#for: "10m",
        summary: "etcd's certificate authority ends within three months",
        description: "Cluster {{ $labels.cluster }}: the authority that issued its certificates ends in {{ $value | humanizeDuration }}, and they with it.",
        answer: Answer::Exec(Runbook::RotateAuthority),
    },
    Alert {
        name: "EtcdAlarm",
        severity: Severity::Critical,
        expr: "runbook_etcd_alarm{@} == 1",
        r#for: "0s",
        summary: "etcd raised an alarm",
        description: "Cluster {{ $labels.cluster }}: member {{ $labels.member }} has the alarm {{ $labels.alarm }}.",
        answer: Answer::Alarm,
    },
    Alert {
        name: "EtcdStatusOld",
        severity: Severity::Warning,
        // Old, gone, or of a clock that is ahead; a cluster that was never looked at raises nothing.
        expr: "abs(time() - max by (cluster) (last_over_time(runbook_etcd_status_timestamp_seconds{@}[7d]))) > 1800",
        r#for: "5m",
        summary: "nobody looks at an etcd cluster's certificates and alarms",
        description: "Cluster {{ $labels.cluster }}: what `runbook status` wrote last is {{ $value | humanizeDuration }} old. Its timer stopped or fails, or its file is not collected.",
        answer: Answer::Status,
    },
];
