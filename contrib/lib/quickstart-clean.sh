# shellcheck shell=bash
# Removes what a dead daemon left: everything here is known by the quickstart's own directory, cgroup or bridge name.

remove_pods() {
  [ -e "$REPO/dist/test/harness/demo.js" ] || return 0
  if daemon_pid >/dev/null; then
    demo stop "$SOCKET" | indented || note "the daemon did not remove its pods: clearing them away without it"
  fi
}

# Monitors and spawner: programs of that name that were told a path below the quickstart's directory.
monitor_pids() {
  local exe pid
  for exe in /proc/[0-9]*/exe; do
    case "$(readlink "$exe" 2>/dev/null)" in
      */cria-monitor | "*/cria-monitor (deleted)") ;;
      *) continue ;;
    esac
    pid=${exe#/proc/}
    pid=${pid%/exe}
    if tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$ROOT/"; then printf '%s\n' "$pid"; fi
  done
}

cgroup_dirs() {
  find /sys/fs/cgroup -depth -type d \( -path "*$CGROUP_PARENT" -o -path "*$CGROUP_PARENT/*" \) 2>/dev/null
}

container_pids() {
  local directory
  cgroup_dirs | while read -r directory; do cat "$directory/cgroup.procs" 2>/dev/null; done | sort -u
}

kill_leftovers() {
  local pid
  for pid in $(monitor_pids) $(container_pids); do
    kill -KILL "$pid" 2>/dev/null && note "killed a leftover process, pid $pid"
  done
  return 0
}

remove_cgroups() {
  local directory attempt
  for attempt in 1 2 3 4 5; do
    cgroup_dirs | while read -r directory; do rmdir "$directory" 2>/dev/null; done
    [ -n "$(cgroup_dirs)" ] || return 0
    sleep "0.$attempt"
  done
  note "some cgroups are still busy: $(cgroup_dirs | head -n 1)"
}

# The last mounted first. Mount points in /proc have spaces and the like as octal escapes.
unmount_all() {
  local point
  awk -v root="$ROOT/" 'index($5, root) == 1 {print $5}' /proc/self/mountinfo | tac | while read -r point; do
    umount -l "$(printf '%b' "$point")" || note "could not unmount $point"
  done
}

clear_away() {
  kill_leftovers
  unmount_all
  remove_cgroups
  remove_masquerading
  remove_bridge
  restore_forwarding
  rm -rf --one-file-system "$ROOT"
}
