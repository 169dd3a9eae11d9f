# shellcheck shell=bash
# The quickstart's pod network: a bridge and a subnet of its own, and what has to be undone on the host after it.

BRIDGE=cria-quick0

# Routes that hold the subnet's first address or lie inside it, but for the default route.
routes_touching() {
  { ip -4 route show match "${1%/*}" && ip -4 route show root "$1"; } | sed '/^default/d'
}

# Sets SUBNET: the remembered one, else the first that no route of this machine touches.
choose_subnet() {
  local candidate
  if [ -s "$ROOT/subnet" ]; then
    SUBNET=$(cat "$ROOT/subnet")
    return
  fi
  for candidate in 10.{89..119}.0.0/24 172.{20..31}.0.0/24 192.168.{100..120}.0/24; do
    if [ -z "$(routes_touching "$candidate")" ]; then
      SUBNET=$candidate
      printf '%s\n' "$SUBNET" >"$ROOT/subnet"
      return
    fi
  done
  fail "found no free subnet for the pods' bridge; write one such as 10.1.2.0/24 to $ROOT/subnet"
}

# CNI's bridge plugin turns forwarding on for the whole host.
FORWARDING=/proc/sys/net/ipv4/ip_forward

remember_forwarding() {
  [ -e "$ROOT/ip_forward.before" ] || cat "$FORWARDING" >"$ROOT/ip_forward.before"
}

restore_forwarding() {
  [ -s "$ROOT/ip_forward.before" ] || return 0
  if ! cmp -s "$ROOT/ip_forward.before" "$FORWARDING"; then cat "$ROOT/ip_forward.before" >"$FORWARDING"; fi
}

# The bridge plugin's masquerading: a chain per pod and a rule that jumps there, all with the network's name as their
# comment. An ADD that was killed leaves a chain without the jump.
masquerading_rules() {
  iptables-save -t nat 2>/dev/null | grep -F "name: \\\"$BRIDGE\\\""
}

remove_masquerading() {
  local rules chains=()
  command -v iptables-save >/dev/null || return 0
  rules=$(masquerading_rules) || return 0
  mapfile -t chains < <(grep -oE 'CNI-[0-9a-f]+' <<<"$rules" | sort -u)
  {
    printf '*nat\n'
    printf '%s\n' "$rules" | sed -n 's/^-A POSTROUTING /-D POSTROUTING /p'
    printf -- '-F %s\n' "${chains[@]}"
    printf -- '-X %s\n' "${chains[@]}"
    printf 'COMMIT\n'
  } | iptables-restore --noflush || note "masquerading rules of $BRIDGE could not be removed"
}

remove_bridge() {
  if ip link show "$BRIDGE" >/dev/null 2>&1; then ip link delete "$BRIDGE"; fi
}
