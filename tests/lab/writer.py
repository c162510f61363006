#!/usr/bin/env python3
"""A client that writes and reads all the while: `writer.py CA CERT KEY ENDPOINT...`, until its standard input ends.

Each write is a key of its own, put through one member and read back through the next, linearizably; a member that does not answer within two
seconds is passed over, as clients do. At the end every write that was acknowledged must be there. Prints one line of JSON: writes
acknowledged, tries that failed, the longest time between two acknowledged writes (seconds), acknowledged writes that are not there.
"""

import base64
import http.client
import json
import select
import ssl
import sys
import time

PATIENCE = 2
PAUSE = 0.02


class Cluster:
    """etcd's JSON gateway of several members."""

    def __init__(self, ca, cert, key, endpoints):
        self.files = ca, cert, key
        self.endpoints, self.open, self.at = endpoints, {}, 0

    def tls(self):
        """Read anew for every connection, as clients do that outlive a certificate."""
        ca, cert, key = self.files
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
        return context

    def call(self, path, body):
        """Asks the member whose turn it is; its answer, or none."""
        name = self.endpoints[self.at % len(self.endpoints)]
        try:
            if name not in self.open:
                host, port = name.split(":")
                self.open[name] = http.client.HTTPSConnection(host, int(port), timeout=PATIENCE, context=self.tls())
            connection = self.open[name]
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
            return json.loads(text) if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            self.open.pop(name, None)
            return None

    def next(self):
        self.at += 1


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def main():
    cluster = Cluster(*sys.argv[1:4], sys.argv[4:])
    acknowledged, failed, number, longest, last = {}, 0, 0, 0.0, None
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        key, value = f"/writer/{number:06}", f"value {number} {time.time()}"
        put = cluster.call("/v3/kv/put", {"key": encoded(key), "value": encoded(value)})
        if put is None:
            failed += 1
            cluster.next()
            continue
        now = time.monotonic()
        if last is not None:
            longest = max(longest, now - last)
        last, acknowledged[key], number = now, value, number + 1
        cluster.next()
        read = cluster.call("/v3/kv/range", {"key": encoded(key)})
        if read is None:
            failed += 1
            cluster.next()
        elif not read.get("kvs") or base64.b64decode(read["kvs"][0]["value"]).decode() != value:
            acknowledged[key] = "never read back"
    if last is not None:
        longest = max(longest, time.monotonic() - last)
    found = None
    for _ in range(60):
        found = cluster.call("/v3/kv/range", {"key": encoded("/writer/"), "range_end": encoded("/writer0")})
        if found is not None:
            break
        cluster.next()
        time.sleep(0.5)
    there = {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv["value"]).decode() for kv in (found or {}).get("kvs", [])}
    lost = sorted(key for key, value in acknowledged.items() if there.get(key) != value)
    print(json.dumps({"acknowledged": len(acknowledged), "failed": failed, "longest_gap": round(longest, 2), "lost": lost[:5],
                      "lost_count": len(lost)}), flush=True)


main()
