"""Real Debian hosts on one machine: systemd, sshd, sudo, own addresses and disks, in network namespaces.

What stands where:
  names      what a lab and its hosts are called, and where their things are
  base       the Debian tree that all hosts share
  network    namespaces, links, cutting and rejoining
  cgroups    a control group of its own for each host; ends all of its processes
  machine    the disk, the boot and the power-off of one host
  access     keys, known hosts, inventories
  lab        `up` and `down`: all of it together
  commands   the command line

Needs root. Knows nothing of runbooks.
"""
