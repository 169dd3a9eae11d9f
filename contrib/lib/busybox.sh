# shellcheck shell=bash
# The busybox of the conformance suite's images: Debian's source with upstream's default configuration, static. The
# packaged one lacks programs that the suite calls, and its shell runs `ls` without a look at the file of that name.

BUSYBOX_PACKAGES=(gcc libc6-dev linux-libc-dev make bzip2 xz-utils)

# busybox_option FILE NAME VALUE: sets a line of the configuration.
busybox_option() {
  sed -i -e "s/^# CONFIG_$2 is not set\$/CONFIG_$2=$3/" -e "s/^CONFIG_$2=.*\$/CONFIG_$2=$3/" "$1"
}

# build_busybox TARGET
build_busybox() (
  local target=$1 release work
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  work=$(mktemp -d) || exit 1
  trap 'rm -rf "$work"' EXIT
  write_private_source "$work/apt" deb-src "$release" && mkdir "$work/source" && cd "$work/source" || exit 1
  private_apt "$work/apt" update && private_apt "$work/apt" source --download-only busybox || exit 1
  tar -xf busybox_*.orig.tar.* --strip-components=1 && make -s defconfig || exit 1
  busybox_option .config STATIC y
  # Its traffic control does not compile with the headers of later kernels.
  busybox_option .config TC n
  busybox_option .config FEATURE_SH_STANDALONE n
  nice make -s -j "$(nproc)" busybox && cp busybox "$target.new" && mv "$target.new" "$target"
)

# Puts it on PATH as busybox-conformance; built once into contrib/toolchain/bin.
use_conformance_busybox() {
  local bin=$REPO/contrib/toolchain/bin
  local program=$bin/busybox-conformance
  PATH=$bin:$PATH
  if [ ! -x "$program" ]; then
    install_packages "${BUSYBOX_PACKAGES[@]}"
    note "building busybox from Debian's source"
    mkdir -p "$bin"
    logged "$LOG_DIR/busybox.log" "building busybox" build_busybox "$program"
  fi
  note "$("$program" | head -n 1 | cut -d'(' -f1)at $program"
}
