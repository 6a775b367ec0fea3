#!/usr/bin/env bash
# Runs a command in a copy of this checkout, in a fresh Debian of another release, and removes it all:
#   .ci/in_debian.sh trixie make PYTHON=python3.13 test-portable
# Needs root (mount, chroot) and debootstrap. Debian comes from the mirror that this machine's apt
# uses; the system inside has Python, Node, npm and make of that release and this machine's settings
# for the network. The mounts and processes live in namespaces of their own, which end with the
# command, so an interrupted run leaves nothing behind either.
set -euo pipefail
set -m # a job of its own group: Ctrl-C reaches this script, and not what runs inside as "ignore it"

suite=$1 && shift
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
  echo "root is needed for mount and chroot: sudo make ..." >&2
  exit 1
fi
command -v debootstrap >/dev/null || { echo "debootstrap is needed: apt-get install debootstrap" >&2; exit 1; }

mirror=$(apt-get indextargets --format '$(REPO_URI)' \
  "Created-By: Packages" "Origin: Debian" "Label: Debian" | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no Debian mirror here: apt-get update" >&2; exit 1; }
eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
export http_proxy

scratch=$(mktemp -d "${TMPDIR:-/tmp}/debian-$suite.XXXXXX")
root=$scratch/root
job=
clean() {
  trap - EXIT INT TERM HUP
  [ -z "$job" ] || { kill -KILL -- "-$job" 2>/dev/null && wait "$job" 2>/dev/null; } || true
  rm -rf --one-file-system "$scratch"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

export LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
unset LC_ALL TMPDIR VIRTUAL_ENV MAKEFLAGS MAKELEVEL MFLAGS

inside() { # in namespaces of its own; their end unmounts everything and ends every process
  unshare --mount --pid --fork --kill-child bash -euo pipefail -c '
    root=$1 && shift
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount --bind /dev/pts "$root/dev/pts"
    mount -t tmpfs tmpfs "$root/dev/shm"
    chroot "$root" "$@"
    exit $?
  ' bash "$root" "$@" </dev/null &
  job=$!
  wait "$job"
  job=
}

echo "==> Debian $suite"
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$scratch/debootstrap.log" ||
  { tail -n 20 "$scratch/debootstrap.log" >&2; exit 1; }
inside apt-get -qq update
inside apt-get -qq install --no-install-recommends \
  ca-certificates curl git make nodejs npm haproxy pgbouncer postgresql procps python3 python3-venv >"$scratch/apt.log" ||
  { tail -n 20 "$scratch/apt.log" >&2; exit 1; }

for file in /etc/hosts /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt \
  ~/.npmrc ~/.config/pip/pip.conf ~/.config/uv/uv.toml; do
  [ ! -e "$file" ] || install -D --mode=600 "$file" "$root/$file"
done
mkdir "$root/checkout"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory="$root/checkout"

echo "==> $*"
inside bash -c 'cd /checkout && exec "$@"' bash "$@"
