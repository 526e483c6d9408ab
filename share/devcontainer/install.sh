#!/bin/sh
# Installs Styxy into a dev container while its image is built, as root
# (https://containers.dev/implementors/features/). A second run replaces the first.
# PREFIX and PROFILES are for tests of this file.
set -eu

SOURCE=${SOURCE:-}
ACTIVATE=${ACTIVATE:-true}
PREFIX=${PREFIX:-/usr/local}
PROFILES=${PROFILES:-/etc/profile.d}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "styxy: $1" >&2
    exit 1
}

if [ -z "$SOURCE" ]; then
    for wheel in "$here"/styxy-*.whl; do SOURCE=$wheel; done
    [ -e "$SOURCE" ] || fail "no wheel beside install.sh; build one there: pip wheel --no-deps -w $here CHECKOUT"
fi

python=
for each in python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$each" >/dev/null 2>&1 &&
        "$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$each
        break
    fi
done
if [ -z "$python" ]; then
    command -v apt-get >/dev/null 2>&1 || fail "it needs Python 3.11 or newer with venv; install it first"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3 python3-venv
    python=python3
fi

rm -rf "$PREFIX/share/styxy"
"$python" -m venv "$PREFIX/share/styxy"
"$PREFIX/share/styxy/bin/python" -m pip install -q --disable-pip-version-check "$SOURCE"
mkdir -p "$PREFIX/bin"
ln -sf "$PREFIX/share/styxy/bin/styxy" "$PREFIX/bin/styxy"

if [ "$ACTIVATE" = true ]; then
    mkdir -p "$PROFILES"
    # Whatever is wrong with Styxy, a shell must start.
    echo 'eval "$(styxy env --format sh 2>/dev/null)"' >"$PROFILES/styxy.sh"
else
    rm -f "$PROFILES/styxy.sh"
fi
echo "styxy: installed $("$PREFIX/bin/styxy" --version)"
