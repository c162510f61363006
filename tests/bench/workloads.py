"""What is measured: the jobs as each row needs them written, how a host is made ready, how the result is checked.

Every generator returns the same work in another language: 20 directories for W1, 20 files of about 1 KB for W2.
"""

import hashlib
import os

TASKS = 20
BULK_BYTES = 200 * 1000 * 1000
CHUNK = 1000 * 1000
BULK_DEST = "/var/tmp/bench.bin"
# Text of a template, the host's name and the round's number filled in: about 1 KB.
FILLER = "".join(f"setting_{number:02} = 0123456789abcdefghijklmnopqrstuvwxyz\n" for number in range(19))


def directory(number):
    return f"/etc/bench/directory-{number:02}"


def file(number):
    return f"/etc/bench/file-{number:02}.conf"


def content(host, number_of_round):
    return f"host = {host}\nround = {number_of_round}\n{FILLER}"


# --- shell: one program a host -------------------------------------------------------------------------------------

SHELL_DIRECTORY = """\
set -eu
umask 022
directory() {
  if [ "$(stat -c %a:%U "$1" 2>/dev/null)" = 755:root ]; then echo "ok $1"; return; fi
  mkdir -p "$1"; chown root "$1"; chmod 755 "$1"; echo "changed $1"
}
"""

SHELL_FILE = """\
set -eu
umask 022
file() {
  if printf %s "$2" | cmp -s - "$1"; then echo "ok $1"; return; fi
  printf %s "$2" >"$1.new"; mv "$1.new" "$1"; echo "changed $1"
}
mkdir -p /etc/bench
"""


def shell_directories(count):
    return SHELL_DIRECTORY + "".join(f"directory {directory(number)}\n" for number in range(count))


def shell_files(number_of_round):
    text = content("@HOST@", number_of_round)
    return SHELL_FILE + "".join(f"file {file(number)} '{text}'\n" for number in range(TASKS))


# --- Ansible -------------------------------------------------------------------------------------------------------

PLAY = "- hosts: etcd\n  become: true\n  gather_facts: false\n  tasks:\n"


def ansible_directories(count):
    return PLAY + "".join(
        f"    - ansible.builtin.file: {{path: {directory(number)}, state: directory, mode: '0755', owner: root}}\n"
        for number in range(count))


def ansible_files(work):
    return PLAY + "".join(
        f"    - ansible.builtin.template: {{src: {work}/bench.conf.j2, dest: {file(number)}, mode: '0644'}}\n"
        for number in range(TASKS))


def ansible_bulk(source):
    return PLAY + f"    - ansible.builtin.copy: {{src: {source}, dest: {BULK_DEST}, mode: '0600'}}\n"


ANSIBLE_TEMPLATE = "host = {{ inventory_hostname }}\nround = {{ round }}\n" + FILLER


# --- runbooks ------------------------------------------------------------------------------------------------------


def runbook(name, parameters, step):
    return (f'runbook {name} {{\n  about "Benchmark {name}."\n  edition 1\n\n{parameters}'
            f'  target hosts = group(etcd) expect any\n\n  step "Work" on hosts parallel timeout 10m {{\n{step}  }}\n}}\n')


def runbook_directories(name, count):
    return runbook(name, "", "".join(f'    directory "{directory(number)}" mode 0755 owner root\n'
                                     for number in range(count)))


def runbook_files():
    return runbook("w2", '  param round: int "which round"\n\n',
                   "".join(f'    template "bench.conf.j2" to "{file(number)}"\n' for number in range(TASKS)))


def runbook_bulk():
    return runbook("w4", '  param source: path "what to send"\n\n', f'    upload source to "{BULK_DEST}" mode 0600\n')


def runbook_of_many_steps(count):
    steps = "".join(f'  step "Step {number}" on hosts parallel {{\n    directory "/etc/bench/{number}" mode 0755\n  }}\n'
                    for number in range(count))
    return ('runbook many {\n  about "Many steps."\n  edition 1\n\n  target hosts = group(etcd) expect any\n\n'
            f"{steps}}}\n")


RUNBOOK_TEMPLATE = "host = {{ host.name }}\nround = {{ round }}\n" + FILLER


# --- all of it, written out ----------------------------------------------------------------------------------------


def write_all(work):
    """Writes every file that a row may name into `work`. Templates of runbooks stand beside them."""
    written = {
        "w1.sh": shell_directories(TASKS), "w5.sh": shell_directories(1),
        "w1.yml": ansible_directories(TASKS), "w5.yml": ansible_directories(1),
        "w2.yml": ansible_files(work), "w4.yml": ansible_bulk(work / "bulk.bin"),
        "w1.etcdrb": runbook_directories("w1", TASKS), "w5.etcdrb": runbook_directories("w5", 1),
        "w2.etcdrb": runbook_files(), "w4.etcdrb": runbook_bulk(), "many.etcdrb": runbook_of_many_steps(1000),
        "bench.conf.j2": ANSIBLE_TEMPLATE, "templates/bench.conf.j2": RUNBOOK_TEMPLATE,
    }
    for name, text in written.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def bulk_file(work):
    """A file that does not compress, and its SHA-256."""
    path = work / "bulk.bin"
    digest = hashlib.sha256()
    with open(path, "wb") as file_of_noise:
        for _ in range(BULK_BYTES // CHUNK):
            chunk = os.urandom(CHUNK)
            digest.update(chunk)
            file_of_noise.write(chunk)
    return path, digest.hexdigest()
