#!/usr/bin/env bash
# Lets kubectl, an API server and a real kubelet drive the built daemon; builds Kubernetes' programs first, once.
# usage: contrib/cluster.sh [RUNTIME]     runc, or crun on a machine whose cgroups are not hybrid
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$REPO/contrib/lib/kubernetes-suite.sh"

# A kubectl that speaks nothing but SPDY to the API server; v1.29 is the first that can do otherwise.
OLD_KUBECTL_VERSION=v1.27.16
PACKAGES+=(etcd-server openssl)

main() {
  prepare_kubernetes_suite "What a cluster needs" kube-apiserver kubelet kubectl
  use_kubernetes_program kubectl "$OLD_KUBECTL_VERSION"
  export CRIA_TEST_OLD_KUBECTL=$OLD_KUBECTL_VERSION
  run_kubernetes_suite "kubectl, API server and kubelet over" cluster/cluster.test.js "$@"
}

main "$@"
