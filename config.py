"""Settings of one installation, read once from the environment; a bad value stops the start with one line to act on.

This module imports nothing but the standard library, so that the supervisor can read the settings at once.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

ROOT = Path(__file__).resolve().parent
SHORTEST_SECRET = 32
SHORTEST_GATEWAY_SECRET = 16
# A Unix socket's path has at most 107 bytes; a longer one fails in Redis with a message nobody understands.
LONGEST_SOCKET_PATH = 107


class ConfigError(Exception):
    """One line that says which variable is wrong, why, and what would be right."""


@dataclass(frozen=True)
class Settings:
    """All an installation can be told from outside; the README's table lists the same variables."""

    var: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    storage_url: str
    secret_key: str = field(repr=False)
    host: str
    port: int
    demo: bool
    base_url: str
    # Definitions of this office beside those of the product: a folder with types/ and workflows/.
    processes: Path | None = None
    # How new rows of the journal are hashed, and where its signed heads and their key lie: better not beside the database.
    journal_algorithm: str = "sha256"
    journal_heads: Path = ROOT / "var" / "journal-heads.jsonl"
    journal_key: Path = ROOT / "var" / "journal.key"
    # The keys that sign papers: a file outside the database, sealed with SECRET_KEY or with a passphrase of its own; and the
    # seal platform that signs instead, when the agency has one (see docs/papers.md).
    trust_keys: Path = ROOT / "var" / "trust.key"
    trust_passphrase: str = field(default="", repr=False)
    seal_platform_url: str = field(default="", repr=False)
    seal_platform_secret: str = field(default="", repr=False)
    # The city's data-sharing platform, asked at the counter for papers that need not be brought (see docs/counter.md).
    sharing_url: str = field(default="", repr=False)
    sharing_secret: str = field(default="", repr=False)
    # When papers are compared for the fast path: in the quiet hours, at once, or never by itself (see docs/papers.md).
    papers_admit: str = "night"
    # The ways on which people are told outside the application; empty: not set up (see docs/messages.md).
    sms_gateway_url: str = field(default="", repr=False)
    sms_gateway_secret: str = field(default="", repr=False)
    sms_sender: str = "代办"
    work_chat_url: str = field(default="", repr=False)
    work_chat_secret: str = field(default="", repr=False)
    work_chat_kind: str = "wecom"
    # HTTPS by this server itself, without which phones do not work without a signal (see docs/field-app.md).
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings that these variables mean; an empty variable counts as unset."""
        env = {key: value.strip() for key, value in (os.environ if environ is None else environ).items()}
        var = _var_folder(env.get("DAIBAN_VAR") or "var")
        host = _host(env.get("HOST") or "127.0.0.1")
        port = _port(env.get("PORT") or "8000")
        certificate, key = _tls(env.get("TLS_CERTIFICATE") or "", env.get("TLS_KEY") or "", var)
        scheme = "https" if certificate else "http"
        return cls(
            var=var,
            database_url=_database_url(env.get("DATABASE_URL") or f"sqlite:///{var / 'daiban.db'}"),
            redis_url=_redis_url(env.get("REDIS_URL") or _own_redis(var)),
            storage_url=_storage_url(env.get("STORAGE_URL") or (var / "files").as_uri()),
            secret_key=_secret_key(env.get("SECRET_KEY") or "", var),
            host=host,
            port=port,
            demo=_switch("DAIBAN_DEMO", env.get("DAIBAN_DEMO") or "0"),
            base_url=_base_url(env.get("BASE_URL") or f"{scheme}://{reachable_host(host)}:{port}"),
            processes=_processes(env.get("DAIBAN_PROCESSES") or ""),
            journal_algorithm=_algorithm(env.get("JOURNAL_ALGORITHM") or "sha256"),
            journal_heads=_outside("JOURNAL_HEADS", env.get("JOURNAL_HEADS") or str(var / "journal-heads.jsonl")),
            journal_key=_outside("JOURNAL_KEY", env.get("JOURNAL_KEY") or str(var / "journal.key")),
            trust_keys=_outside("TRUST_KEYS", env.get("TRUST_KEYS") or str(var / "trust.key")),
            trust_passphrase=env.get("TRUST_PASSPHRASE") or "",
            seal_platform_url=_gateway("SEAL_PLATFORM_URL", env.get("SEAL_PLATFORM_URL") or ""),
            seal_platform_secret=_gateway_secret(
                env.get("SEAL_PLATFORM_URL") or "", env.get("SEAL_PLATFORM_SECRET") or "", "SEAL_PLATFORM"
            ),
            sharing_url=_gateway("SHARING_URL", env.get("SHARING_URL") or ""),
            sharing_secret=_gateway_secret(env.get("SHARING_URL") or "", env.get("SHARING_SECRET") or "", "SHARING"),
            papers_admit=_admit(env.get("PAPERS_ADMIT") or ("off" if env.get("DAIBAN_DEMO") == "1" else "night")),
            sms_gateway_url=_gateway("SMS_GATEWAY_URL", env.get("SMS_GATEWAY_URL") or ""),
            sms_gateway_secret=_gateway_secret(env.get("SMS_GATEWAY_URL") or "", env.get("SMS_GATEWAY_SECRET") or ""),
            sms_sender=_sender(env.get("SMS_SENDER") or "代办"),
            work_chat_url=_gateway("WORK_CHAT_URL", env.get("WORK_CHAT_URL") or ""),
            work_chat_secret=env.get("WORK_CHAT_SECRET") or "",
            work_chat_kind=_chat_kind(env.get("WORK_CHAT_KIND") or "wecom"),
            tls_certificate=certificate,
            tls_key=key,
        )

    @property
    def own_redis(self) -> bool:
        """True when the Redis is the private one of this folder, started by the supervisor."""
        return self.redis_url == _own_redis(self.var)

    @property
    def redis_socket(self) -> Path:
        return self.var / "run" / "redis.sock"


def reachable_host(host: str) -> str:
    """The name to call this machine by when it listens on HOST: "all addresses" is no address to call."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]" if ":" in name else name


def _var_folder(value: str) -> Path:
    # Relative paths start at the project, not where the command was typed: every process must mean the same folder.
    path = Path(os.path.abspath(ROOT / Path(value).expanduser()))
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ConfigError(
            f"DAIBAN_VAR: cannot write to the folder {path} ({_reason(error)}); "
            "name a folder that this user may create and write to"
        ) from error
    return path


def _processes(value: str) -> Path | None:
    """Only that the folder is there; its definitions are checked when they are loaded."""
    if not value:
        return None
    path = Path(os.path.abspath(ROOT / Path(value).expanduser()))
    if not any((path / name).is_dir() for name in ("types", "workflows")):
        raise ConfigError(
            f"DAIBAN_PROCESSES: {path} holds no definitions; "
            "name a folder with types/ and workflows/ in it, or unset the variable"
        )
    return path


def _algorithm(value: str) -> str:
    if value not in {"sha256", "sm3"}:
        raise ConfigError(f"JOURNAL_ALGORITHM: {value!r} is not known; use sha256 or sm3")
    return value


def _outside(name: str, value: str) -> Path:
    """A file that the relay makes; whether its folder can be written to is told when it cannot."""
    path = Path(os.path.abspath(ROOT / Path(value).expanduser()))
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(f"{name}: {path} is no file in a folder that exists; make the folder, or name another file")
    return path


def _database_url(value: str) -> str:
    right = "use sqlite:////folder/file.db or postgresql://user:password@host:5432/name"
    parts = _split("DATABASE_URL", value, right)
    if parts.scheme == "sqlite":
        return _sqlite_url(value, parts, right)
    if parts.scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ConfigError(f"DATABASE_URL: {_shown(parts.scheme or value)} is not a database that daiban knows; {right}")
    if not parts.path.strip("/"):
        raise ConfigError(f"DATABASE_URL: the name of the database is missing at the end; {right}")
    return "postgresql+psycopg" + value[len(parts.scheme) :]


def _sqlite_url(value: str, parts: SplitResult, right: str) -> str:
    if parts.netloc or len(parts.path) < 2:
        raise ConfigError(
            f"DATABASE_URL: {_shown(value)} names no file (SQLite wants three slashes before it); {right}"
        )
    if parts.path == "/:memory:":
        raise ConfigError(f"DATABASE_URL: a database in memory is lost with each process; {right}")
    path = ROOT / parts.path[1:]
    if not path.parent.is_dir():
        raise ConfigError(f"DATABASE_URL: the folder {path.parent} does not exist; make it, or {right}")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"DATABASE_URL: {path} cannot be written; name a file that this user may write")
    return f"sqlite:///{path}" + (f"?{parts.query}" if parts.query else "")


def _own_redis(var: Path) -> str:
    return f"unix://{var}/run/redis.sock"


def _redis_url(value: str) -> str:
    right = "use redis://host:6379/0, rediss://host:6379/0 or unix:///folder/redis.sock"
    parts = _split("REDIS_URL", value, right)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ConfigError(f"REDIS_URL: {_shown(value)} is no Redis address; {right}")
    if parts.scheme == "unix":
        if parts.netloc or not parts.path.startswith("/"):
            raise ConfigError(f"REDIS_URL: {_shown(value)} must have three slashes and a full path; {right}")
        if len(os.fsencode(parts.path)) > LONGEST_SOCKET_PATH:
            raise ConfigError(
                f"REDIS_URL: the socket's path {parts.path} is longer than the {LONGEST_SOCKET_PATH} bytes that "
                "the system allows; set DAIBAN_VAR to a folder with a shorter path"
            )
    elif not parts.hostname:
        raise ConfigError(f"REDIS_URL: {_shown(value)} names no host; {right}")
    return value


def _storage_url(value: str) -> str:
    right = "use file:///folder or s3://bucket/prefix"
    parts = _split("STORAGE_URL", value, right)
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ConfigError(f"STORAGE_URL: {_shown(value)} must have three slashes and a full path; {right}")
    if parts.scheme == "s3" and not parts.netloc:
        raise ConfigError(f"STORAGE_URL: {_shown(value)} names no bucket; {right}")
    if parts.scheme not in {"file", "s3"}:
        raise ConfigError(f"STORAGE_URL: {_shown(value)} is no file store that daiban knows; {right}")
    return value


def _secret_key(value: str, var: Path) -> str:
    source = "SECRET_KEY"
    if not value:
        path = var / "secret.key"
        source = f"SECRET_KEY (from {path})"
        value = _kept_secret(path)
    if len(value) < SHORTEST_SECRET:
        raise ConfigError(
            f"{source}: {len(value)} characters are too few, it needs at least {SHORTEST_SECRET}; "
            "`openssl rand -hex 32` makes one"
        )
    return value


def _kept_secret(path: Path) -> str:
    """The key made at the first start; everything encrypted hangs on it, so it is never made twice."""
    try:
        if not path.exists():
            # Written whole beside its place, then linked: two processes starting at once end with one key.
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(secrets.token_urlsafe(48) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                os.link(draft, path)
            except FileExistsError:
                return path.read_text().strip()
            finally:
                os.unlink(draft)
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"SECRET_KEY: cannot read or make the file {path} ({_reason(error)}); "
            "let this user read it, or set SECRET_KEY"
        ) from error


def _host(value: str) -> str:
    if re.search(r"[\s/]|^\[", value) or (":" in value and value.count(":") < 2):
        raise ConfigError(
            f"HOST: {value!r} is no address of this machine; use 127.0.0.1, 0.0.0.0 (every network) or a host name, "
            "and set the port as PORT"
        )
    return value


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 65535):
        raise ConfigError(f"PORT: {value!r} is no port; use a number from 1 to 65535, such as 8000")
    return int(value)


def _switch(name: str, value: str) -> bool:
    if value not in {"0", "1"}:
        raise ConfigError(f"{name}: {value!r} is neither 1 (yes) nor 0 (no)")
    return value == "1"


def _base_url(value: str) -> str:
    right = "use the address people type, such as https://daiban.example.cn"
    parts = _split("BASE_URL", value, right)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"BASE_URL: {_shown(value)} is no web address; {right}")
    return value.rstrip("/")


def _gateway(name: str, value: str) -> str:
    """Where messages are handed over; the address may carry a key, so it is never shown."""
    if not value:
        return ""
    parts = _split(name, value, "use the address that the provider gave you")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ConfigError(f"{name}: this is no web address; use the address that the provider gave you, with https://")
    return value


def _gateway_secret(url: str, value: str, name: str = "SMS_GATEWAY") -> str:
    if url and len(value) < SHORTEST_GATEWAY_SECRET:
        raise ConfigError(
            f"{name}_SECRET: {len(value)} characters are too few for {name}_URL, it needs at least "
            f"{SHORTEST_GATEWAY_SECRET}; use the key that the provider gave you"
        )
    return value


def _sender(value: str) -> str:
    if len(value) > 20 or not value.isprintable() or set(value) & set("【】[]"):
        raise ConfigError("SMS_SENDER: the signature of text messages has at most 20 characters and no brackets")
    return value


def _chat_kind(value: str) -> str:
    if value not in {"wecom", "dingtalk"}:
        raise ConfigError(f"WORK_CHAT_KIND: {value!r} is not known; use wecom or dingtalk")
    return value


def _admit(value: str) -> str:
    if value not in {"night", "now", "off"}:
        raise ConfigError(f"PAPERS_ADMIT: {value!r} is not known; use night, now or off")
    return value


def _tls(certificate: str, key: str, var: Path) -> tuple[Path | None, Path | None]:
    """Both or neither, and both readable: a server that silently answers without HTTPS helps no phone.

    What bin/certificates has made is used without being named; TLS_CERTIFICATE=off answers without HTTPS all the same."""
    if certificate == "off":
        return None, None
    if not certificate and not key:
        made = [var / "tls" / name for name in ("server.crt", "server.key")]
        if not all(path.exists() for path in made):
            return None, None
        certificate, key = (str(path) for path in made)
    paths = []
    for name, value in (("TLS_CERTIFICATE", certificate), ("TLS_KEY", key)):
        if not value:
            raise ConfigError(f"{name}: is missing; certificate and key belong together, bin/certificates makes both")
        path = Path(os.path.abspath(ROOT / Path(value).expanduser()))
        if not os.access(path, os.R_OK):
            raise ConfigError(f"{name}: cannot read {path}; bin/certificates makes it, and this user must read it")
        paths.append(path)
    return paths[0], paths[1]


def _split(name: str, value: str, right: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # read for its check alone: urlsplit finds a bad port only when asked for it
    except ValueError as error:
        raise ConfigError(f"{name}: this is no address ({error}); {right}") from error
    return parts


def _shown(value: str) -> str:
    """The value as it may stand in a log: without the password."""
    return repr(re.sub(r"//[^/@]*@", "//***@", value))


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
