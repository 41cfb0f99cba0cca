"""create_app(): the table of contents of the application."""

from __future__ import annotations

import blueprints
import cli
import jobs.admissions
import jobs.archive
import jobs.care
import jobs.clocks
import jobs.commitments
import jobs.errands
import jobs.exchange
import jobs.exits
import jobs.handlers
import jobs.messages
import jobs.printing
import jobs.promises
import jobs.publishing
import jobs.sharing  # noqa: F401  each of these registers its jobs
import services
from blueprints import compression, context, errors, headers, leftovers, sessions, unit_of_work
from blueprints.errands import watch
from catalogue import loader as catalogue
from config import ConfigError, Settings
from extensions import babel, csrf, db, limiter, login, migrate
from models.crypto import vault
from process import journal, library, transactions
from process.refusals import DefinitionError
from services import data_sharing, paper_admissions, papers_out, trust
from services.exchange import keys as exchange_keys
from services.exchange import partners as exchange_partners
from services.files import configure as configure_files
from services.messages import channels as message_channels
from services.papers.prepared import place


def create_app(settings: Settings | None = None) -> unit_of_work.Daiban:
    """Builds the application from the environment or from the settings that tests hand in."""
    settings = settings or Settings.from_env()
    app = unit_of_work.Daiban(__name__)
    app.config.from_mapping(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        DAIBAN_DEMO=settings.demo,
        BASE_URL=settings.base_url,
        MAX_CONTENT_LENGTH=25 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=5 * 1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # a long form must not die of its token; the session ends instead
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https:"),
        BABEL_DEFAULT_LOCALE="zh_Hans_CN",
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        RATELIMIT_STORAGE_URI=limiter_storage(settings),
        RATELIMIT_HEADERS_ENABLED=False,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    vault.open(settings.secret_key)
    journal.configure(settings.journal_algorithm)
    if not settings.storage_url.startswith("file:"):
        raise ConfigError("STORAGE_URL: this version keeps files in a folder only; use file:///folder")
    configure_files(settings.storage_url)
    message_channels.configure(settings)
    papers_out.configure(settings.base_url, demo=settings.demo)
    exchange_keys.configure(settings.var / exchange_keys.FILE, lambda: exchange_partners.any_known(db.engine))
    trust.configure(settings)
    data_sharing.configure(
        data_sharing.HttpConnector(settings.sharing_url, settings.sharing_secret) if settings.sharing_url else None
    )
    place.configure(settings.var / "prepared")
    paper_admissions.configure(settings.papers_admit)
    services.register()
    papers_out.configure(settings.base_url, demo=settings.demo)
    catalogue.check()
    load_processes(settings)
    db.init_app(app)
    with app.app_context():
        transactions.prepare(db.engine)
    migrate.init_app(app, db)
    sessions.init_app(app, login)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=context.locale)
    limiter.init_app(app)
    unit_of_work.init_app(app)
    compression.init_app(app)
    headers.init_app(app)
    leftovers.init_app(app)
    errors.init_app(app)
    context.init_app(app)
    blueprints.register(app)
    watch.init_app(app)
    cli.init_app(app)
    return app


def load_processes(settings: Settings) -> None:
    """The definitions of the product and, beside them, those of the office; one mistake keeps all out of force."""
    names = library.vocabulary(services.role_names(), services.paper_names())
    try:
        library.load(names, (library.HERE, *([settings.processes] if settings.processes else [])))
    except DefinitionError as error:
        if settings.processes is None:
            raise
        raise ConfigError(f"DAIBAN_PROCESSES: {' '.join(str(error).split())}") from error


def engine_options(settings: Settings) -> dict:
    if settings.database_url.startswith("sqlite"):
        return {"connect_args": {"check_same_thread": False, "timeout": 20}, "pool_size": 8, "max_overflow": 8}
    return {
        "pool_size": 6,
        "max_overflow": 10,
        "pool_timeout": 2,
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": 2},
    }


def limiter_storage(settings: Settings) -> str:
    return settings.redis_url.replace("unix://", "redis+unix://", 1)
