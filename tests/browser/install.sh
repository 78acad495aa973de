#!/bin/sh
# Installs the browser that tests/browser drives, from Debian's packages; does nothing where it is installed already.
set -eu
command -v chromium >/dev/null && exit 0
if ! command -v apt-get >/dev/null; then
    echo "tests/browser: needs chromium, and there is no apt-get here" >&2
    exit 1
elif [ "$(id -u)" != 0 ]; then
    echo "tests/browser: needs chromium; run as root: apt-get install --no-install-recommends chromium fonts-dejavu-core" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core </dev/null >/dev/null
