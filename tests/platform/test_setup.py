"""The commands in bin/ on machines that lack something, have everything, or start twice at once."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.platform

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "dirname", "flock", "sha256sum", "mv", "mkdir", "sleep", "cat")


@pytest.fixture
def machine(tmp_path):
    """A bare machine: a copy of bin/, a PATH with little on it, programs that only write down how they were called."""
    return Machine(tmp_path)


class Machine:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "daiban"
        self.path = folder / "path"
        self.calls_file = folder / "calls"
        for path in (self.path, self.root / "requirements", self.root / ".venv" / "bin"):
            path.mkdir(parents=True)
        shutil.copytree(ROOT / "bin", self.root / "bin")
        (self.root / "requirements" / "runtime.lock").write_text("flask==3.1.3\n")
        for tool in TOOLS:
            (self.path / tool).symlink_to(shutil.which(tool) or "")
        self.calls_file.touch()
        self.calls_file.chmod(0o666)
        for parent in [folder, *folder.parents]:
            if parent.owner() == Path.home().owner() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)

    def has(self, name, answer=""):
        """Puts a program on the machine that writes down how it was called."""
        (self.path / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.calls_file}"\n{answer}\n')
        (self.path / name).chmod(0o755)

    def has_python(self):
        python = self.root / ".venv" / "bin" / "python"
        python.write_text(
            f'#!/bin/bash\n[[ $1 == -c ]] || echo "python $*" >>"{self.calls_file}"\n'
            "[[ $* != *install* ]] || sleep 0.3\n"
        )
        python.chmod(0o755)

    def run(self, script, *, as_root=False):
        command = ["bash", "-c", f'. "{self.root}/bin/_setup.sh"; {script}']
        user = {} if as_root or os.geteuid() else {"user": 65534, "group": 65534, "extra_groups": []}
        environ = {"PATH": str(self.path), "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, **user)

    @property
    def calls(self):
        return self.calls_file.read_text().splitlines()


LACKING = 'missing_packages() { printf "redis-server fonts-hanazono "; }; '


def test_an_ordinary_user_is_told_the_one_command_to_ask_for(machine):
    machine.has("apt-get")
    done = machine.run(LACKING + 'ensure_packages "${runtime_packages[@]}"; echo went on')
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "daiban: please ask the administrator to run: "
        "apt-get install --no-install-recommends redis-server fonts-hanazono"
    ]
    assert machine.calls == []


def test_where_sudo_asks_nothing_it_is_used(machine):
    machine.has("apt-get")
    machine.has("sudo")
    assert machine.run(LACKING + "ensure_packages anything").returncode == 0
    assert machine.calls[-1] == f"sudo bash {machine.root}/bin/_packages.sh redis-server fonts-hanazono"


def test_where_sudo_would_ask_nobody_the_line_comes_instead(machine):
    machine.has("apt-get")
    machine.has("sudo", "exit 1")
    done = machine.run(LACKING + "ensure_packages anything")
    assert done.returncode == 1
    assert "please ask the administrator to run: apt-get install" in done.stderr
    assert machine.calls == ["sudo -n true"]


def test_without_apt_the_packages_are_named(machine):
    done = machine.run(LACKING + "ensure_packages anything")
    assert done.stderr.startswith("daiban: this machine lacks what Debian calls: redis-server fonts-hanazono;")


def test_where_nothing_is_missing_nobody_is_asked(machine):
    machine.has("apt-get")
    machine.has("sudo")
    assert machine.run('missing_packages() { :; }; ensure_packages "${test_packages[@]}"').returncode == 0
    assert machine.calls == []


def test_what_is_there_is_seen_without_asking_dpkg(machine):
    for name in ("redis-server", "chromium", "pdftotext", "zbarimg"):
        machine.has(name)
    machine.has_python()
    done = machine.run("missing_packages python3-venv redis-server chromium poppler-utils zbar-tools")
    assert (done.stdout, done.stderr) == ("", "")


def test_a_redis_of_ones_own_needs_no_package(machine):
    assert machine.run("missing_packages redis-server").stdout == "redis-server "
    assert machine.run("REDIS_URL=redis://h/0; missing_packages redis-server").stdout == ""


def test_packages_are_installed_without_starting_their_services(machine, tmp_path):
    guard = tmp_path / "policy-rc.d"
    script = (machine.root / "bin" / "_packages.sh").read_text()
    assert "guard=/usr/sbin/policy-rc.d" in script
    for name in ("chmod", "rm", "mktemp"):
        (machine.path / name).symlink_to(shutil.which(name) or "")
    (machine.root / "bin" / "_packages.sh").write_text(script.replace("/usr/sbin/policy-rc.d", str(guard)))
    machine.has("apt-get", f'[[ $* != *install* ]] || cat "{guard}" >>"{machine.calls_file}"')
    assert machine.run(f'bash "{machine.root}/bin/_packages.sh" redis-server', as_root=True).returncode == 0
    assert machine.calls == [
        "apt-get -q=2 update",
        "apt-get -q=2 install --yes --no-install-recommends -o Dpkg::Use-Pty=0 redis-server",
        "#!/bin/sh",
        "exit 101",
    ]
    assert not guard.exists(), "what the machine's own rule was is its rule again"


def test_commands_starting_together_install_once_and_later_ones_not_at_all(machine):
    machine.has_python()
    together = machine.run("for n in 1 2 3; do (ensure_venv runtime.lock) & done; wait", as_root=True)
    assert together.returncode == 0, together.stderr
    installs = [call for call in machine.calls if "pip install" in call]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]

    before = len(machine.calls)
    assert machine.run("ensure_venv runtime.lock", as_root=True).stdout == ""
    assert len(machine.calls) == before

    (machine.root / "requirements" / "runtime.lock").write_text("flask==3.1.4\n")
    machine.run("ensure_venv runtime.lock", as_root=True)
    assert len([call for call in machine.calls if "pip install" in call]) == 2


def test_an_install_that_failed_is_tried_again(machine):
    machine.has_python()
    python = machine.root / ".venv" / "bin" / "python"
    works = python.read_text()
    python.write_text(works + "[[ $* != *install* ]] || { echo no network >&2; exit 1; }\n")
    failed = machine.run("ensure_venv runtime.lock", as_root=True)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[0] == "no network"
    assert "the Python packages could not be installed" in failed.stderr
    python.write_text(works)
    assert machine.run("ensure_venv runtime.lock", as_root=True).returncode == 0


def test_only_a_stale_translation_is_compiled(machine):
    machine.has_python()
    folder = machine.root / "translations" / "en" / "LC_MESSAGES"
    assert machine.run("ensure_translations", as_root=True).returncode == 0, "no translation, nothing to do"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text("")
    python = machine.root / ".venv" / "bin" / "python"
    python.write_text(python.read_text() + '[[ $* != *compile* ]] || echo compiled >"${@: -1}"\n')
    for _ in range(2):
        assert machine.run("ensure_translations", as_root=True).returncode == 0
    assert len([call for call in machine.calls if "compile" in call]) == 1
    assert (folder / "messages.mo").read_text() == "compiled\n"


# The lock files


def pins(name):
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE))


def test_tests_run_on_the_very_packages_that_are_served():
    served, tested = pins("runtime.lock"), pins("test.lock")
    assert len(served) > 40
    assert {name: tested.get(name) for name in served} == served


@pytest.mark.parametrize("name", ["runtime.lock", "test.lock"])
def test_a_lock_fits_every_python_and_names_no_address(name):
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    assert "async-timeout==5.0.1 ; python_full_version < '3.11.3'" in text, "Debian 12 has Python 3.11.2"
    for entry in re.split(r"\n(?=[a-z])", text):
        assert "--hash=sha256:" in entry, entry


def test_each_package_we_chose_has_its_paragraph():
    decisions = (ROOT / "docs" / "decisions.md").read_text().lower()
    lines = (ROOT / "requirements" / "runtime.in").read_text().splitlines()
    chosen = [re.split(r"[\[<>=]", line)[0].strip() for line in lines if line and not line.startswith("#")]
    assert [name for name in chosen if f"**{name.lower()}" not in decisions] == []
    assert [name for name in pins("runtime.lock") if name not in decisions] == []


def test_the_stamp_is_the_locks_fingerprint(machine):
    machine.has_python()
    machine.run("ensure_venv runtime.lock", as_root=True)
    lock = (machine.root / "requirements" / "runtime.lock").read_bytes()
    assert (machine.root / ".venv" / "runtime.lock.sha256").read_text() == hashlib.sha256(lock).hexdigest()
