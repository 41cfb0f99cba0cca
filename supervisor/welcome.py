"""What the person at the terminal reads when everything runs: the address and, in a demonstration, whom to be."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from config import ROOT, Settings

DEMO_ACCOUNTS = ROOT / "catalogue" / "demo_accounts.yaml"
DEMO_PASSWORD = "daiban-demo"
THIS_MACHINE = {"127.0.0.1", "::1", "localhost"}


def welcome(settings: Settings) -> list[str]:
    lines = [f"代办 is ready: {settings.base_url}"]
    if settings.demo:
        if settings.host not in THIS_MACHINE:
            lines.append("WARNING: the network can sign in with the known demo password; DAIBAN_DEMO=0 turns it off")
        lines += demo_table(DEMO_ACCOUNTS)
    return lines


def demo_table(path: Path) -> list[str]:
    """Account, role and password, in columns that line up although Chinese characters are two cells wide."""
    if not path.exists():
        return []
    # The only file of the supervisor's that is not plain Python; read late, because only a demonstration needs it.
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    accounts = content.get("accounts", content) if isinstance(content, dict) else content
    rows = [("账号", "身份", "密码")]
    for account in accounts:
        rows.append((account["username"], account.get("title") or account.get("role_zh") or "", DEMO_PASSWORD))
    name_width, title_width = (max(cells(row[column]) for row in rows) for column in (0, 1))
    return [f"  {pad(name, name_width)}  {pad(title, title_width)}  {password}" for name, title, password in rows]


def pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
