# shellcheck shell=bash
# Debian packages: installs only what is missing, and never lets a package start a service.

package_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

package_available() {
  [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]
}

update_package_lists() {
  [ -z "${PACKAGE_LISTS_UPDATED:-}" ] || return 0
  PACKAGE_LISTS_UPDATED=yes
  logged "$LOG_DIR/apt.log" "apt-get update" apt-get -q update
}

# Debian starts the services of a package at its installation unless this file says no. One that exists is the
# machine's own and stays.
POLICY_FILE=/usr/sbin/policy-rc.d

apt_install() (
  if [ ! -e "$POLICY_FILE" ]; then
    trap 'rm -f "$POLICY_FILE"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$POLICY_FILE"
    chmod 755 "$POLICY_FILE"
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
)

# install_packages NAME...: makes sure that all of them are installed.
install_packages() {
  local package missing=()
  for package in "$@"; do
    package_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  update_package_lists
  note "installing ${missing[*]}"
  logged "$LOG_DIR/apt.log" "apt-get install ${missing[*]}" apt_install "${missing[@]}"
}

# install_if_available NAME...: the same for packages that not every release has.
install_if_available() {
  local package
  for package in "$@"; do
    package_installed "$package" && continue
    update_package_lists
    if package_available "$package"; then install_packages "$package"; else note "no package $package here"; fi
  done
}
