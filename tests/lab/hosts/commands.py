"""The command line of the lab."""

import argparse
import os
import sys

from . import access, base, machine, network
from . import lab as whole
from .names import LABS, Lab, LabError

EPILOG = """\
environment:
  LAB                  which lab (default `default`); several may be up at once, each with its own hosts
  RUNBOOK_LAB_DIR      where labs keep their disks (default /var/tmp/runbook-lab)
  RUNBOOK_LAB_CACHE    base disks and etcd versions (default /var/cache/runbook-lab)
  RUNBOOK_LAB_MIRROR   Debian mirror (default: the one that apt uses here)

Hosts are etcd1, etcd2, ... at 198.18.0.11, .12, ...; the controller is 198.18.0.1. Nothing in a lab has a way out.
Users: `ops` (sudo without a password) and `nopass` (sudo asks for `lab-password`), both opened by the lab's key.
`up` removes what was left of a lab of the same name, a crashed one included.
"""


def parser():
    top = argparse.ArgumentParser(prog="lab", description="Real Debian hosts (systemd, sshd, sudo) on one machine.",
                                  epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, text, function):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    sub = command("base", "build the base disk now, so that `up` is quick", do_base)
    sub.add_argument("--peers", action="store_true", help="the one with python3 and rsync on it")

    sub = command("up", "boot fresh hosts and wait until sshd and systemd are ready", do_up)
    sub.add_argument("count", nargs="?", type=int, default=3, help="how many (default 3)")
    sub.add_argument("--etcd", default="none", metavar="VERSION",
                     help="put etcd in /usr/local/bin: 3.4.23, 3.5.1, 3.5.16, sid or none (default)")
    sub.add_argument("--packages", default="none", metavar="VERSION",
                     help="make Debian's etcd packages installable by apt-get: 3.4.23, 3.5.16, sid or none (default)")
    sub.add_argument("--peers", action="store_true", help="hosts with python3 and rsync, for the benchmarks' peers")
    sub.add_argument("--light", action="store_true", help="sshd alone, no systemd: for many hosts")

    sub = command("down", "end the hosts and remove every trace; works after a crash too", do_down)
    sub.add_argument("--all", action="store_true", help="every lab of this machine")

    command("status", "the hosts and what state they are in", do_status)

    sub = command("exec", "run a command as root inside a host, past its network and sshd", do_exec)
    add_host(sub)
    add_words(sub)
    sub = command("ssh", "log in to a host, or run a command there, over ssh", do_ssh)
    sub.add_argument("--user", default="ops", choices=access.USERS)
    add_host(sub)
    add_words(sub, optional=True)
    sub = command("run", "run a command here, in the controller's network namespace", do_run)
    add_words(sub)

    for name, text, function in (("kill", "power off: every process ends at once, the disk stays", do_kill),
                                 ("boot", "boot hosts that are off, and wait for them", do_boot),
                                 ("cut", "pull the network cable", do_cut),
                                 ("rejoin", "put the network cable back", do_rejoin)):
        sub = command(name, text, function)
        sub.add_argument("hosts", nargs="+", metavar="HOST")

    sub = command("smalldisk", "mount an empty disk of a given size at a path of a host", do_smalldisk)
    add_host(sub)
    sub.add_argument("path")
    sub.add_argument("size", help="as mount's tmpfs size: 64m, 1g")

    sub = command("inventory", "print an Ansible INI inventory of the hosts", do_inventory)
    sub.add_argument("--user", default="ops", choices=access.USERS)
    sub.add_argument("--etcd-install", choices=access.INSTALL_WAYS, help="also set etcd_install, and what it needs")
    sub.add_argument("--etcd", default="3.5.16", metavar="VERSION", help="of the archive (default 3.5.16)")

    sub = command("path", "print the path of a file of the lab", do_path)
    sub.add_argument("what", choices=["dir", "key", "known_hosts", "inventory", "ssh_config"])
    return top


def add_host(sub):
    sub.add_argument("host", metavar="HOST")


def add_words(sub, optional=False):
    sub.add_argument("words", nargs=argparse.REMAINDER if optional else "...", metavar="CMD",
                     help="a program and its arguments; a single word is given to sh")


def program(words):
    """A single word is a shell command, several are an argv."""
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise LabError("say which command to run")
    return ["/bin/sh", "-c", words[0]] if len(words) == 1 else words


def selected(lab, names):
    return [lab.host(name) for name in names]


def do_base(_lab, options):
    print(base.ensure(options.peers))


def do_up(lab, options):
    def version(word):
        return None if word == "none" else word

    with whole.lock(lab):
        hosts = whole.up(lab, options.count, options.light, version(options.etcd), version(options.packages),
                         options.peers)
    print(f"lab `{lab.name}`: {len(hosts)} hosts up ({hosts[0].name} at {hosts[0].address}, ...); "
          f"inventory {lab.dir / 'inventory.ini'}")


def do_down(lab, options):
    labs = [lab]
    if options.all:
        labs = [Lab.named(path.name) for path in LABS.glob("*") if path.is_dir()]
    for each in labs:
        with whole.lock(each):
            whole.down(each)


def do_status(lab, _options):
    for host in lab.require_up():
        print(f"{host.name}\t{host.address}\t{machine.state(host)}\t{'light' if host.light else 'systemd'}")


def do_exec(lab, options):
    command = machine.inside(lab.host(options.host), program(options.words))
    os.execvp(command[0], command)


def do_ssh(lab, options):
    host = lab.host(options.host)
    network.enter(lab.controller)
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    os.execvp("ssh", ["ssh", "-F", "none", "-i", str(lab.key), *access.ssh_options(lab), "-o", "BatchMode=yes",
                      "-l", options.user, "--", host.address, *words])


def do_run(lab, options):
    lab.require_up()
    network.enter(lab.controller)
    os.environ["LAB"] = lab.name
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        raise LabError("say which command to run")
    try:
        os.execvp(words[0], words)
    except FileNotFoundError as why:
        raise LabError(f"no program `{words[0]}`") from why


def do_kill(lab, options):
    for host in selected(lab, options.hosts):
        machine.power_off(host)


def do_boot(lab, options):
    hosts = selected(lab, options.hosts)
    for host in hosts:
        machine.boot(host)
    # A host whose cable is pulled boots too, but nobody can hear its sshd.
    whole.wait(lab, [host for host in hosts if network.is_linked(host)])


def do_cut(lab, options):
    for host in selected(lab, options.hosts):
        network.set_link(host, "down")


def do_rejoin(lab, options):
    for host in selected(lab, options.hosts):
        network.set_link(host, "up")


def do_smalldisk(lab, options):
    machine.add_small_disk(lab.host(options.host), options.path, options.size)


def do_inventory(lab, options):
    sys.stdout.write(access.inventory(lab, options.user, options.etcd_install, options.etcd))


def do_path(lab, options):
    lab.require_up()
    print({"dir": lab.dir, "key": lab.key, "known_hosts": lab.known_hosts, "inventory": lab.dir / "inventory.ini",
           "ssh_config": lab.dir / "ssh_config"}[options.what])


def main():
    options = parser().parse_args()
    try:
        lab = Lab.named(os.environ.get("LAB") or "default")
        whole.require_means()
        options.function(lab, options)
    except LabError as why:
        print(f"lab: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
