"""Runs one command and prints its exit code, seconds and peak memory in KB: `python3 -I -S timed.py LOG PROGRAM ARG...`.

A program of its own, because Linux counts as a child's peak at least what its parent held when it began: this one holds
some 10 MB, the benchmark much more. Output of the command goes to LOG, not to a pipe: an ssh master that stays behind
would hold a pipe open.
"""

import os
import sys
import time

log, *words = sys.argv[1:]
actions = [
    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    (os.POSIX_SPAWN_DUP2, 1, 2),
]
began = time.monotonic()
child = os.posix_spawnp(words[0], words, os.environ, file_actions=actions)
_, status, used = os.wait4(child, 0)
seconds = time.monotonic() - began
print(os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss)
