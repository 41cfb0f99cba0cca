#!/usr/bin/env bash
# Fetches the browser libraries once, by a developer who has npm; offices never run this.
# What it copies is committed with licence and hash, and tests/look/test_static.py re-hashes it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# vendor NAME VERSION LICENCE TARGET FILE... : unpacks one package and copies the named files beside its licence.
vendor() {
    local name=$1 version=$2 licence=$3 target=$4
    shift 4
    (cd "$work" && npm pack --silent "$name@$version" >/dev/null 2>&1 && mkdir "$name" && tar xzf "$name-$version.tgz" -C "$name")
    mkdir -p "$target"
    local file
    for file in "$@"; do
        cp "$work/$name/package/$file" "$target/"
        printf '%s\t%s\t%s\t%s\n' "$name" "$version" "$licence" "$target/$(basename "$file")" >>"$work/list"
    done
    cp "$work/$name/package/LICENSE" "$target/LICENSE"
}

vendor bootstrap 5.3.9 MIT static/vendor/bootstrap dist/css/bootstrap.min.css
vendor htmx.org 4.0.1 0BSD static/vendor/htmx dist/htmx.min.js
vendor sortablejs 1.15.7 MIT static/vendor/sortablejs Sortable.min.js
vendor signature_pad 5.1.4 MIT static/vendor/signature_pad dist/signature_pad.umd.min.js
vendor jsqr 1.4.0 Apache-2.0 static/vendor/jsqr dist/jsQR.js
vendor axe-core 4.14.1 MPL-2.0 tests/vendor axe.min.js

python3 - "$work/list" <<'PY'
import hashlib, json, pathlib, sys

packages: dict[str, dict] = {}
for row in pathlib.Path(sys.argv[1]).read_text().splitlines():
    name, version, licence, path = row.split("\t")
    file = pathlib.Path(path)
    # The maps are not shipped, and a pointer to them is a 404 in every log.
    lines = [line for line in file.read_text().split("\n") if "sourceMappingURL=" not in line]
    file.write_text("\n".join(lines))
    package = packages.setdefault(name, {"name": name, "version": version, "licence": licence, "files": {}})
    for shipped in (file, file.parent / "LICENSE"):
        package["files"][str(shipped)] = hashlib.sha256(shipped.read_bytes()).hexdigest()
text = json.dumps(sorted(packages.values(), key=lambda p: p["name"]), indent=2, ensure_ascii=False)
pathlib.Path("static/vendor/manifest.json").write_text(text + "\n")
PY
