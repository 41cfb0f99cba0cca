"""The Flask extensions, made once and bound in create_app."""

from __future__ import annotations

from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from models.base import Base
from models.crypto import vault

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate(render_as_batch=True)
login = LoginManager()
csrf = CSRFProtect()
babel = Babel()


def visitor() -> str:
    """Whose requests are counted together. Redis learns neither the address nor anything else about a person."""
    return vault.fingerprint(f"address:{get_remote_address()}")[:32]


limiter = Limiter(key_func=visitor, strategy="moving-window", in_memory_fallback_enabled=True, default_limits=[])
