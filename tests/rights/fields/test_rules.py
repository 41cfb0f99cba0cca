"""The grammar of field rules: what is wrong is named with file, key and what would be right."""

from __future__ import annotations

import pytest

import services
from process import library
from process.refusals import DefinitionError
from tests.generic import two_files
from tests.rights.fields.conftest import ruled


@pytest.mark.parametrize(
    ("rule", "key", "said"),
    [
        ("{right: hidden}", "fields.contact.access", "list of rules"),
        ("[hidden]", "fields.contact.access.0", "mapping"),
        ("[{right: secret}]", "fields.contact.access.0.right", "read_only, masked, hidden"),
        ("[{rigth: hidden}]", "fields.contact.access.0.rigth", "unknown key"),
        ("[{right: hidden, roles: [window_clark]}]", "fields.contact.access.0.roles", "window_clerk"),
        ("[{right: hidden, roles: [window_clerk@nowhere]}]", "fields.contact.access.0.roles", "nowhere"),
        ("[{right: hidden, roles: []}]", "fields.contact.access.0.roles", "leave it out"),
        ("[{right: hidden, states: [repaird]}]", "fields.contact.access.0.states", "repaired"),
        ("[{right: hidden, roles: ['did:tak']}]", "fields.contact.access.0.roles", "take"),
        ("[{right: hidden, roles: [owner], except: [owner]}]", "fields.contact.access.0.except", "spared"),
        ("[{right: hidden}, {right: hidden}]", "fields.contact.access.1", "same"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path, rule, key, said) -> None:
    services.register()
    names = library.vocabulary(services.role_names(), services.paper_names())
    before = library.library.types
    folder = two_files.write(tmp_path / "processes", type_text=ruled({"contact": rule}))
    with pytest.raises(DefinitionError) as wrong:
        library.load(names, (library.HERE, folder))
    assert wrong.value.key.startswith(key) and "repair_request" in wrong.value.file
    assert said in f"{wrong.value.reason} {wrong.value.hint}"
    assert library.library.types is before
