#!/bin/sh
echo '{"etcd": ["etcd1",]}'
