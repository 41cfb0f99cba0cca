"""Brings the database up to date and, for a demonstration, fills it: in one process, because loading takes a second."""

from __future__ import annotations

import sys
import traceback

from config import ConfigError, Settings


def main() -> int:
    try:
        prepare(Settings.from_env())
    except ConfigError as error:
        print(error)
        return 2
    except Exception as error:
        # Whatever went wrong, the administrator gets the trace in the log and one line on the screen.
        traceback.print_exc(file=sys.stdout)
        print(explanation(error))
        return 1
    return 0


def prepare(settings: Settings) -> None:
    from flask.cli import ScriptInfo

    from app import create_app

    app = create_app(settings)
    for arguments in [["db", "upgrade"], ["demo", "load"] if settings.demo else ["install"]]:
        app.cli.main(arguments, obj=ScriptInfo(create_app=lambda: app), standalone_mode=False)


def explanation(error: Exception) -> str:
    """The last line of the log, and the one the supervisor shows."""
    if hasattr(error, "format_message"):
        # A command that refused in its own words (click).
        return f"the database could not be prepared: {error.format_message()}"
    cause = getattr(error, "orig", None) or error
    first_line = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    if type(error).__name__ == "OperationalError":
        return f"DATABASE_URL: the database does not answer or refuses us ({first_line}); start it, or correct the URL"
    return f"the database could not be prepared: {type(error).__name__}: {first_line}"


if __name__ == "__main__":
    sys.exit(main())
