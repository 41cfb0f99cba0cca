"""`python -m supervisor serve`: checks, starts and keeps the whole installation; bin/serve ends in this."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from config import ROOT, ConfigError, Settings
from supervisor.checks import NotPossible, hold, port_is_free
from supervisor.keeper import Keeper, StartFailed, say
from supervisor.plan import children, health
from supervisor.welcome import welcome

# Exit codes, for whoever wraps us (systemd: RestartPreventExitStatus=2 3).
STOPPED, BAD_SETTINGS, IN_THE_WAY, NOT_STARTED = 0, 2, 3, 4
USAGE = "usage: python -m supervisor serve"


def main(arguments: list[str]) -> int:
    if arguments != ["serve"]:
        print(USAGE, file=sys.stderr)
        return BAD_SETTINGS
    try:
        serve(os.environ)
    except ConfigError as error:
        return _refuse(error, BAD_SETTINGS)
    except NotPossible as error:
        return _refuse(error, IN_THE_WAY)
    except StartFailed as error:
        return _refuse(error, NOT_STARTED)
    return STOPPED


def serve(environ: Mapping[str, str]) -> None:
    os.chdir(ROOT)
    # Everything under var is about people: nobody but this user reads it.
    os.umask(0o077)
    settings = Settings.from_env(environ)
    settings = dataclasses.replace(settings, demo=wants_demo(settings, environ))
    with hold(settings.var):
        port_is_free(settings.host, settings.port)
        if settings.demo:
            demo_mark(settings).touch()
        Keeper(
            children(settings),
            logs=settings.var / "log",
            mark=str(settings.var),
            environ=environment(settings, environ),
            when_ready=lambda: announce(settings),
        ).run()


def wants_demo(settings: Settings, environ: Mapping[str, str]) -> bool:
    """A newcomer who sets nothing gets the demonstration; an office's own data never gets demo accounts by surprise."""
    if environ.get("DAIBAN_DEMO", "").strip() or environ.get("DATABASE_URL", "").strip():
        return settings.demo
    return demo_mark(settings).exists() or not (settings.var / "daiban.db").exists()


def demo_mark(settings: Settings) -> Path:
    return settings.var / "demo"


def environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What the children are told: our own reading of the settings, so that no two processes can differ."""
    return {
        **environ,
        "DAIBAN_VAR": str(settings.var),
        "DAIBAN_DEMO": "1" if settings.demo else "0",
        **({"DAIBAN_PROCESSES": str(settings.processes)} if settings.processes else {}),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        # A machine without the terminal's locale must not keep Redis from starting.
        "LC_ALL": "C.UTF-8",
    }


def announce(settings: Settings) -> None:
    for line in welcome(settings):
        say("ready", line)
    status, text = health(settings) or (0, "no answer")
    if status != 200:
        for line in text.splitlines():
            say("health", line)


def _refuse(error: Exception, code: int) -> int:
    print(f"daiban: {error}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
