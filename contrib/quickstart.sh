#!/usr/bin/env bash
# Builds cria and shows a pod of it, on a Debian or Ubuntu machine, in a directory of its own.
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=/var/lib/cria-quickstart
LOG_DIR=/var/log/cria-quickstart
CGROUP_PARENT=/cria-quickstart
IMAGE=localhost/cria-demo:1

for part in say packages node oci-runtime quickstart-network quickstart-daemon quickstart-clean; do
  # shellcheck source=/dev/null
  . "$REPO/contrib/lib/$part.sh"
done

usage() {
  cat <<TEXT
usage: contrib/quickstart.sh [--stop | --help]

Without an argument: installs what is missing (apt and npm), builds the project, starts its daemon with all its state
below $ROOT, and runs a pod with one container. Running it again builds and restarts the daemon;
pods of the earlier run go on.

--stop  removes the pods, stops the daemon and deletes $ROOT with everything of its own, also
        when the daemon has died. Installed packages and the build stay.

The log files are in $LOG_DIR until then.
TEXT
}

prepare_machine() {
  step "Packages"
  install_packages ca-certificates containernetworking-plugins iptables iproute2 gcc libc6-dev busybox-static
  install_if_available musl-tools
  step "Node.js"
  use_node
  step "OCI runtime"
  pick_runtime
}

build_image() {
  rm -rf "$ROOT/demo-image"
  demo image "$ROOT/demo-image" "$IMAGE" | indented
  logged "$LOG_DIR/image.log" "loading the demo image" cria image load --name "$IMAGE" "$ROOT/demo-image"
}

how_to_go_on() {
  cat <<TEXT

The daemon goes on running. With crictl (from cri-tools):
    crictl --runtime-endpoint unix://$SOCKET pods
    crictl --runtime-endpoint unix://$SOCKET ps --all
    crictl --runtime-endpoint unix://$SOCKET images
    crictl --runtime-endpoint unix://$SOCKET info
A kubelet uses it with
    --container-runtime-endpoint=unix://$SOCKET
Stop it and remove everything again with
    $REPO/contrib/quickstart.sh --stop
TEXT
}

start() {
  need_root
  mkdir -p "$LOG_DIR" "$ROOT"
  chmod 700 "$ROOT"
  prepare_machine
  step "Build"
  build_project
  step "Daemon"
  stop_daemon
  choose_subnet
  remember_forwarding
  demo config "$ROOT" "$BRIDGE" "$SUBNET" "$RUNTIME_PATH"
  start_daemon
  step "Image"
  build_image
  step "Pod"
  demo run "$SOCKET" "$IMAGE" "$ROOT/pod-logs" "$CGROUP_PARENT" | indented ||
    fail "the pod did not run as expected; the daemon's log is $DAEMON_LOG"
  how_to_go_on
}

stop() {
  need_root
  step "Stopping"
  mkdir -p "$LOG_DIR"
  if [ -d "$ROOT" ]; then
    node_is_enough || use_pinned_node
    remove_pods
    stop_daemon
  fi
  clear_away
  rm -rf "$LOG_DIR"
  note "nothing of the quickstart is left but the installed packages and the build in $REPO"
}

case "${1:-}" in
  "") start ;;
  --stop) stop ;;
  --help | -h) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
