# Run as root by ensure_packages: installs the named Debian packages and starts no service that comes with them.

set -eu
export DEBIAN_FRONTEND=noninteractive
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
    # daiban starts a Redis of its own; one that Debian starts beside it would only take a port.
    trap 'rm -f "$guard"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
fi
# Two hundred lines that nobody reads, unless it fails.
log=$(mktemp)
{
    apt-get -q=2 update && apt-get -q=2 install --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    exit 1
}
rm -f "$log"
