"""The Flask extensions, made once and bound in create_app."""

from __future__ import annotations

from typing import Any

from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from flask_wtf import CSRFProtect
from sqlalchemy import Engine

from models.base import Base
from models.crypto import vault


class OneDatabase(Session):
    """A session of the only database there is: it need not be looked for at every statement."""

    def get_bind(self, *_args: Any, **_kwargs: Any) -> Engine:
        return self._db.engine


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False, "class_": OneDatabase})
migrate = Migrate(render_as_batch=True)
login = LoginManager()
csrf = CSRFProtect()
babel = Babel()


def visitor() -> str:
    """Whose requests are counted together. Redis learns neither the address nor anything else about a person."""
    return vault.fingerprint(f"address:{get_remote_address()}")[:32]


limiter = Limiter(key_func=visitor, strategy="moving-window", in_memory_fallback_enabled=True, default_limits=[])
