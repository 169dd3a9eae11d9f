# shellcheck shell=bash
# Suites of tests over real programs of Kubernetes: what they need is installed or built, then one file runs.

LOG_DIR=${CRIA_TEST_LOGS:-$REPO/dist/test-logs}

for part in say packages node cri-tools kubernetes isolated; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

PACKAGES=(iptables iproute2 procps util-linux mount busybox-static containernetworking-plugins runc crun)

# prepare_kubernetes_suite WHAT PROGRAM...: afterwards PACKAGES are installed and the programs are on PATH.
prepare_kubernetes_suite() {
  local what=$1 program
  shift
  need_root
  mkdir -p "$LOG_DIR"
  step "$what"
  install_packages "${PACKAGES[@]}"
  use_node
  for program in "$@"; do use_kubernetes_program "$program"; done
}

# run_kubernetes_suite WHAT FILE [RUNTIME]: the built test file, below dist/test, over the OCI runtime.
run_kubernetes_suite() {
  local what=$1 file=$2
  export CRIA_TEST_RUNTIME=${3:-runc}
  step "$what $CRIA_TEST_RUNTIME"
  # Run by itself the file clears away after an interrupt; a runner around it would be gone before.
  run_isolated --net --mount --propagation slave -- \
    node --enable-source-maps --test-reporter=spec "$REPO/dist/test/$file"
}
