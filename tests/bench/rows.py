"""Who is measured: a row is a name and, for each workload it can do, a command line.

Words in braces are filled in by run.py's `places`. A row of our own is a row like any other; a command that is not there
yet, or fails, is shown as `-` with the reason below the table.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """`slow`: left out beyond 10 hosts unless asked for, since it takes minutes."""

    name: str
    commands: dict = field(default_factory=dict)
    slow: bool = False


ANSIBLE = "{ansible} -i {peers_inventory} --limit {limit}"
RUNBOOK = "{runbook} exec -i {inventory} --limit {limit} --yes --forks 64"

NATIVE_MUX = "batched, native-mux (reference)"
BATCHED = "batched program, ssh"
OURS = "runbook"
SHELL_RESTORE = "hand-tuned shell"
BULK_WAYS = ("ssh cat", "scp", "rsync")

ROWS = [
    Row("ansible-core, tuned", {
        "w1": ANSIBLE + " {work}/w1.yml",
        "w2a": ANSIBLE + " {work}/w2.yml -e round={round}",
        "w2b": ANSIBLE + " {work}/w2.yml -e round={round}",
        "w3": ANSIBLE + " {work}/w2.yml -e round={round} --check --diff",
        "w4": ANSIBLE + " {work}/w4.yml",
        "w5": ANSIBLE + " {work}/w5.yml",
        "restore": ANSIBLE + " {peers}/restore.yml -e snapshot={snapshot} -e stamp={stamp}",
    }, slow=True),
    Row(BATCHED, {
        "w1": "{peers}/batch.sh {ssh_config} {work}/w1.sh {hosts}",
        "w2a": "{peers}/batch.sh {ssh_config} {work}/w2-{round}.sh {hosts}",
        "w2b": "{peers}/batch.sh {ssh_config} {work}/w2-{round}.sh {hosts}",
        "w5": "{peers}/batch.sh {ssh_config} {work}/w5.sh {hosts}",
    }),
    Row(NATIVE_MUX, {
        "w1": "{native_mux} {plain_ssh_config} {masters} {comma_hosts} program {work}/w1.sh",
        "w2a": "{native_mux} {plain_ssh_config} {masters} {comma_hosts} program {work}/w2-{round}.sh",
        "w2b": "{native_mux} {plain_ssh_config} {masters} {comma_hosts} program {work}/w2-{round}.sh",
        "w4": "{native_mux} {plain_ssh_config} {masters} {comma_hosts} send {bulk} {bulk_dest}",
        "w5": "{native_mux} {plain_ssh_config} {masters} {comma_hosts} program {work}/w5.sh",
    }),
    *(Row(f"{name}", {"w4": "{peers}/send.sh " + name.split()[-1] + " {ssh_config} {bulk} {bulk_dest} {hosts}"})
      for name in BULK_WAYS),
    Row(SHELL_RESTORE, {"restore": "{peers}/restore.sh {ssh_config} {snapshot} {hosts}"}),
    Row(OURS, {
        "w1": RUNBOOK + " {work}/w1.etcdrb",
        "w2a": RUNBOOK + " {work}/w2.etcdrb -e round={round}",
        "w2b": RUNBOOK + " {work}/w2.etcdrb -e round={round}",
        "w3": RUNBOOK + " {work}/w2.etcdrb -e round={round} --dry-run",
        "w4": RUNBOOK + " {work}/w4.etcdrb -e source={bulk}",
        "w5": RUNBOOK + " {work}/w5.etcdrb",
        "restore": RUNBOOK + " restore -e snapshot={snapshot} --override restore-over-live --reason benchmark",
        "start": "{runbook} --version",
        "check": "{runbook} check {work}/many.etcdrb",
    }),
]

# What a column may cost us: (ours / the best of these rows), or seconds where there is no peer.
TARGETS = {
    "w1": (1.2, (NATIVE_MUX,)),
    "w2a": (1.2, (NATIVE_MUX,)),
    "w2b": (1.2, (NATIVE_MUX,)),
    "w4": (1.15, BULK_WAYS),
    "restore": (1.3, (SHELL_RESTORE,)),
    "start": 0.010,
    "check": 0.050,
}
MEMORY_MB = 64
