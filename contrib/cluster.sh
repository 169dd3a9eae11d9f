#!/usr/bin/env bash
# Lets kubectl, an API server and a real kubelet drive the built daemon; builds Kubernetes' programs first, once.
# usage: contrib/cluster.sh [RUNTIME]     runc, or crun on a machine whose cgroups are not hybrid
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG_DIR=${CRIA_TEST_LOGS:-$REPO/dist/test-logs}

for part in say packages node cri-tools kubernetes isolated; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

# A kubectl that speaks nothing but SPDY to the API server; v1.29 is the first that can do otherwise.
OLD_KUBECTL_VERSION=v1.27.16
PACKAGES=(
  iptables iproute2 procps util-linux mount busybox-static containernetworking-plugins runc crun etcd-server openssl
)

main() {
  local program
  need_root
  mkdir -p "$LOG_DIR"
  step "What a cluster needs"
  install_packages "${PACKAGES[@]}"
  use_node
  for program in kube-apiserver kubelet kubectl; do use_kubernetes_program "$program"; done
  use_kubernetes_program kubectl "$OLD_KUBECTL_VERSION"
  export CRIA_TEST_RUNTIME=${1:-runc} CRIA_TEST_OLD_KUBECTL=$OLD_KUBECTL_VERSION
  step "kubectl, API server and kubelet over $CRIA_TEST_RUNTIME"
  # Run by itself the file clears away after an interrupt; a runner around it would be gone before.
  run_isolated --net --mount --propagation slave -- \
    node --enable-source-maps --test-reporter=spec "$REPO/dist/test/cluster/cluster.test.js"
}

main "$@"
