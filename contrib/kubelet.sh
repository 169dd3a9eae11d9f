#!/usr/bin/env bash
# Lets a real kubelet drive the built daemon with static pods; builds the kubelet first, once.
# usage: contrib/kubelet.sh [RUNTIME]     runc, or crun on a machine whose cgroups are not hybrid: a kubelet does not find
# a hierarchy that was mounted for crun at another place than /sys/fs/cgroup
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$REPO/contrib/lib/kubernetes-suite.sh"

main() {
  prepare_kubernetes_suite "What a kubelet needs" kubelet
  run_kubernetes_suite "Static pods under" kubelet/static-pods.test.js "$@"
}

main "$@"
