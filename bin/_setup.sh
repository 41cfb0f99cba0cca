# Sourced by bin/serve, bin/test and bin/flask: brings a machine to the point where Python can run.
# Needs bash and what Debian calls essential, nothing else. Whatever is there already is left alone, so that
# the second start asks nobody for anything.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python="$root/.venv/bin/python"
export PATH="$PATH:/usr/sbin:/sbin"
# A terminal in another encoding must not break on Chinese names.
export PYTHONUTF8=1

# One line, no trace: the reader is an administrator.
stop() {
    printf 'daiban: %s\n' "$1" >&2
    exit 1
}

say() {
    [[ -n ${quiet:-} ]] || printf 'daiban: %s\n' "$1"
}

file_there() { compgen -G "$1" >/dev/null; }
library_there() { file_there "/usr/lib/*/$1*" || file_there "/usr/lib*/$1*" || file_there "/usr/local/lib/$1*"; }
font_there() { file_there "/usr/share/fonts/*/*/$1*" || file_there "/usr/local/share/fonts/$1*"; }

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }
suits_for_venv() { suits "$1" && "$1" -c 'import venv, ensurepip' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null && suits_for_venv "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Prints the Debian packages that this machine lacks; it looks for the thing itself, which may come from elsewhere.
missing_packages() {
    local package
    for package in "$@"; do
        case $package in
            python3-venv) suits "$python" || find_python >/dev/null ;;
            ca-certificates) [[ -s /etc/ssl/certs/ca-certificates.crt ]] ;;
            redis-server) [[ -n ${REDIS_URL:-} ]] || command -v valkey-server || command -v redis-server ;;
            libpango-1.0-0) library_there libpango-1.0.so.0 ;;
            libpangoft2-1.0-0) library_there libpangoft2-1.0.so.0 ;;
            libharfbuzz-subset0) library_there libharfbuzz-subset.so.0 ;;
            fonts-noto-cjk) font_there NotoSerifCJK ;;
            chromium) command -v chromium ;;
            poppler-utils) command -v pdftotext ;;
            qpdf) command -v qpdf ;;
            zbar-tools) command -v zbarimg ;;
            postgresql) file_there '/usr/lib/postgresql/*/bin/initdb' ;;
        esac >/dev/null || printf '%s ' "$package"
    done
}

ensure_packages() {
    local missing as_root=()
    missing=$(missing_packages "$@")
    [[ -n $missing ]] || return 0
    command -v apt-get >/dev/null ||
        stop "this machine lacks what Debian calls: ${missing% }; please install it (there is no apt-get here)"
    if [[ $EUID -ne 0 ]]; then
        # sudo may ask for a password only where somebody sits to type it.
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
            as_root=(sudo)
        else
            stop "please ask the administrator to run: apt-get install --no-install-recommends ${missing% }"
        fi
    fi
    say "installing system packages, this takes about a minute: ${missing% }"
    # shellcheck disable=SC2086 # one word per package is meant
    "${as_root[@]}" bash "$root/bin/_packages.sh" $missing ||
        stop "the system packages could not be installed, see above; needed: apt-get install --no-install-recommends ${missing% }"
}

sha256_of() {
    local sum
    sum=$(sha256sum "$1")
    printf '%s' "${sum%% *}"
}

venv_holds() { [[ -x $python && -r $root/.venv/$1.sha256 && $(<"$root/.venv/$1.sha256") == "$(sha256_of "$root/requirements/$1")" ]]; }

# Installs the named lock file, once, however many commands start at the same time.
ensure_venv() {
    local lock=$1 base out=1
    venv_holds "$lock" && suits "$python" && return
    exec 9<"$root/bin/_setup.sh"
    flock 9
    if ! venv_holds "$lock" || ! suits "$python"; then
        [[ -z ${quiet:-} ]] || out=2
        if ! suits "$python" || ! "$python" -m pip --version >/dev/null 2>&1; then
            base=$(find_python) || stop "no Python 3.11, 3.12 or 3.13 with venv here: apt-get install python3-venv"
            say "making .venv with $("$base" --version)"
            "$base" -m venv --clear "$root/.venv" || stop "$base could not make $root/.venv, see above"
        fi
        say "installing the locked Python packages, this takes about a minute"
        "$python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
            -r "$root/requirements/$lock" >&"$out" ||
            stop "the Python packages could not be installed, see above; mend it (network? disk?) and start again"
        sha256_of "$root/requirements/$lock" >"$root/.venv/$lock.sha256"
        # What the tests need contains what running needs, at the same versions.
        [[ $lock != test.lock ]] || sha256_of "$root/requirements/runtime.lock" >"$root/.venv/runtime.lock.sha256"
    fi
    exec 9<&-
}

# The .mo files are made from the .po files here, so that no compiled file is kept in the repository.
ensure_translations() {
    local po stale=()
    for po in "$root"/translations/*/LC_MESSAGES/*.po; do
        [[ ! -e $po || ${po%.po}.mo -nt $po ]] || stale+=("$po")
    done
    [[ ${#stale[@]} -gt 0 ]] || return 0
    exec 9<"$root/bin/_setup.sh"
    flock 9
    for po in "${stale[@]}"; do
        # Made beside its place and moved: a running process never reads half a file.
        "$python" -m babel.messages.frontend --quiet compile -i "$po" -o "${po%.po}.mo.new" ||
            stop "the translation $po could not be compiled, see above"
        mv "${po%.po}.mo.new" "${po%.po}.mo"
    done
    exec 9<&-
}

# The faces of papers lie packed in the repository; they are laid out once, two seconds of work.
ensure_faces() {
    local packed
    for packed in "$root"/fonts/*.ttf.xz; do
        [[ $root/fonts/unpacked/$(basename "${packed%.xz}") -nt $packed ]] && continue
        (cd "$root" && "$python" -m services.papers.facefiles) || stop "the fonts of the papers could not be laid out, see above"
        return
    done
}

# Papers are printed with the faces of the product alone; the other fonts are for the browser of the tests.
runtime_packages=(python3-venv ca-certificates redis-server libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 poppler-utils)
test_packages=("${runtime_packages[@]}" fonts-noto-cjk chromium qpdf zbar-tools postgresql)
