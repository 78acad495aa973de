#!/bin/sh
# Installs the programs that tests/servers runs, from Debian's packages; does nothing where they are installed already.
set -eu
missing=
for package in mediawiki php-cli php-sqlite3 php-gd php-intl php-mbstring php-xml php-apcu searx; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "tests/servers: needs the packages$missing of Debian 12, and there is no apt-get here" >&2
    exit 1
elif [ "$(id -u)" != 0 ]; then
    echo "tests/servers: needs the packages$missing; run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
# shellcheck disable=SC2086  # one word a package
apt-get install -qq --yes --no-install-recommends $missing </dev/null >/dev/null
