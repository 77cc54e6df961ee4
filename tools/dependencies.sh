#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lists the Debian packages that Berth needs, and installs those that are missing.
#
#   tools/dependencies.sh --list [PART...]      what is needed, and whether it is there
#   tools/dependencies.sh --install [PART...]   installs what is missing (as root, or with sudo)
#
# Parts: build (to build and run), cluster (to run several nodes), test (to test), fuzz (to fuzz), bench (to measure),
# style (to check the style). Without a part: build.
set -eu

packages() {
    case "$1" in
    build) echo "gcc g++ libc6-dev cmake ninja-build pkg-config libuv1-dev node-llhttp libssl-dev
                 libcurl4-openssl-dev libpcre2-dev libsqlite3-dev libyaml-dev zlib1g-dev python3
                 ca-certificates" ;;
    cluster) echo "etcd-server" ;;
    test) echo "libcmocka-dev python3-venv openssl curl make git binutils
                nodejs npm valgrind abigail-tools etcd-server iproute2" ;;
    fuzz) echo "clang-19 libclang-rt-19-dev" ;;
    bench) echo "nginx-light wrk" ;;
    style) echo "clang-format-19 clang-tidy-19" ;;
    *) echo "dependencies: there is no part [$1]; there are build, cluster, test, fuzz, bench, style" >&2
       exit 2 ;;
    esac
}

# A tool that came from elsewhere under the package's name serves as well.
is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ||
        command -v "$1" >/dev/null
}

usage() {
    sed -n '3,10s/^# \{0,1\}//p' "$0"
    exit "$1"
}

[ $# -gt 0 ] || usage 2
action=$1
shift
[ $# -gt 0 ] || set -- build
case "$action" in
--list | --install) ;;
--help) usage 0 ;;
*) usage 2 ;;
esac
command -v dpkg-query >/dev/null || {
    echo "dependencies: this is no Debian; install what $0 --list names by its own means" >&2
    exit 1
}

missing=
for part in "$@"; do
    wanted=$(packages "$part")
    for package in $wanted; do
        if is_installed "$package"; then
            state=installed
        else
            state=missing
            missing="$missing $package"
        fi
        [ "$action" = --install ] || printf '%-6s %-22s %s\n' "$part" "$package" "$state"
    done
done
[ "$action" = --install ] && [ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "dependencies: missing:$missing; install them as root, there is no sudo here" >&2
        exit 1
    }
    as_root=sudo
fi
echo "dependencies: installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of packages
if ! { $as_root apt-get -q update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install \
        -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "dependencies: apt-get failed; its last lines are above" >&2
    exit 1
fi
echo "dependencies: done"
