# shellcheck shell=bash
# Which OCI runtime works on this machine is tried, not guessed: crun 1.8, for one, refuses some cgroup layouts.

write_probe_bundle() {
  mkdir -p "$1/rootfs/proc"
  cp "$(command -v busybox)" "$1/rootfs/busybox"
  cat >"$1/config.json" <<JSON
{ "ociVersion": "1.0.2",
  "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/busybox", "true"], "cwd": "/" },
  "root": { "path": "rootfs" },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
  "linux": { "cgroupsPath": "/cria-probe-$$", "namespaces": [{ "type": "pid" }, { "type": "mount" }] } }
JSON
}

# runtime_works NAME: runs one tiny container; what the runtime said goes to the log.
runtime_works() {
  local runtime=$1 bundle
  command -v "$runtime" >/dev/null || return 1
  bundle=$(mktemp -d)
  write_probe_bundle "$bundle"
  local works=0
  "$runtime" --root "$bundle/state" run --bundle "$bundle" "cria-probe-$$" >>"$LOG_DIR/oci-runtime.log" 2>&1 </dev/null ||
    works=1
  rm -rf --one-file-system "$bundle"
  return $works
}

first_working_runtime() {
  local runtime
  for runtime in crun runc; do
    if runtime_works "$runtime"; then
      command -v "$runtime"
      return
    fi
  done
}

# Sets RUNTIME_PATH to the first of crun and runc that works; installs one only when none of those here does.
pick_runtime() {
  local package
  RUNTIME_PATH=$(first_working_runtime)
  for package in crun runc; do
    [ -z "$RUNTIME_PATH" ] || break
    install_packages "$package"
    RUNTIME_PATH=$(first_working_runtime)
  done
  [ -n "$RUNTIME_PATH" ] || fail "neither crun nor runc can run a container here; see $LOG_DIR/oci-runtime.log"
  note "containers are made by $RUNTIME_PATH, which was tried and works"
}
