#!/usr/bin/env bash
# Lets a real kubelet drive the built daemon with static pods; builds the kubelet first, once.
# usage: contrib/kubelet.sh [RUNTIME]     runc, or crun on a machine whose cgroups are not hybrid: a kubelet does not find
# a hierarchy that was mounted for crun at another place than /sys/fs/cgroup
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG_DIR=${CRIA_TEST_LOGS:-$REPO/dist/test-logs}

for part in say packages node cri-tools kubernetes isolated; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

PACKAGES=(iptables iproute2 procps util-linux mount busybox-static containernetworking-plugins runc crun)

main() {
  need_root
  mkdir -p "$LOG_DIR"
  step "What a kubelet needs"
  install_packages "${PACKAGES[@]}"
  use_node
  use_kubernetes_program kubelet
  export CRIA_TEST_RUNTIME=${1:-runc}
  step "Static pods under $CRIA_TEST_RUNTIME"
  # Run by itself the file clears away after an interrupt; a runner around it would be gone before.
  run_isolated --net --mount --propagation slave -- \
    node --enable-source-maps --test-reporter=spec "$REPO/dist/test/kubelet/static-pods.test.js"
}

main "$@"
