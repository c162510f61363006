#!/bin/sh
echo '{"etcd": {"hosts": true}, "web": {"vars": []}, "x": {"children": [1]}}'
