#!/bin/sh
cat <<'END'
{"etcd": {"hosts": ["etcd1", "etcd2"], "vars": {"a": true}, "children": ["spare"]}, "bare": ["etcd1", "other"],
 "spare": {"hosts": ["spare1"]}, "_meta": {"hostvars": {"etcd1": {"ansible_host": "192.0.2.1", "n": null}, "nowhere": {"a": 1}}}}
END
