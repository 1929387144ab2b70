"""A copy of the database holds no secret that can be used, and its keys can be lost, given and replaced."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from click.testing import CliRunner, Result

from corehr.app.keys import KEY_VARIABLE
from corehr.app.stores import open_store, sqlite_path
from corehr.apps import registry
from corehr.cli.main import cli
from corehr.delivery import subscribers
from corehr.delivery.subscribers import Subscriber
from corehr.kernel import tenants
from corehr.kernel.clock import Clock
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.keys import NO_KEYS, KeyRing
from corehr.kernel.tenants import DEFAULT_TENANT_ID
from tests.world import APP_ALL, World

WEBHOOK = Subscriber(DEFAULT_TENANT_ID, APP_ALL, "webhook", "https://example.com/", "an-encrypt-key", "a-verify-token")
OTHER_KEY, NEW_KEY = "7" * 64, "8" * 64


def corehr(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def error_line(result: Result) -> str:
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    return line


def copy_of(url: str) -> bytes:
    """Return everything that a copy of the database holds: the bytes of its files, or every value of every table."""
    if path := sqlite_path(url):
        return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [connection.execute(f"SELECT * FROM {name}".encode()).fetchall() for (name,) in tables]
    return repr(rows).encode()


def read_secrets(url: str, key_file: str | None = None) -> tuple[Any, ...]:
    """Return the tenant's server key, the one that its apps have, and the subscriber of `APP_ALL`."""
    with closing(open_store(url, Clock(), TimeOrderedIds(), key_file)) as store:
        tenant = store.command_sync(DEFAULT_TENANT_ID, tenants.get)
        apps = store.command_sync(DEFAULT_TENANT_ID, registry.list_apps)
        subscriber = store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribers.get(tx, APP_ALL))
    assert tenant is not None
    assert {app.server_key for app in apps} <= {tenant.server_key}
    return tenant.server_key, subscriber


@pytest.fixture
def subscribed(db) -> str:
    """The URL of a company with a webhook."""
    with closing(open_store(db, Clock(), TimeOrderedIds())) as store:
        store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribers.subscribe(tx, WEBHOOK, ["a.type"]))
    return db


def test_a_copy_of_the_database_holds_no_key(world):
    world.in_transaction(lambda tx: subscribers.subscribe(tx, WEBHOOK, ["a.type"]))
    copy = copy_of(world.url)
    assert WEBHOOK.url.encode() in copy
    secrets = (world.installation.tenant.server_key, WEBHOOK.encrypt_key, WEBHOOK.verification_token)
    for secret in (*secrets, os.environ[KEY_VARIABLE]):
        assert secret.encode() not in copy


def test_the_secrets_are_there_again_after_a_restart(subscribed):
    assert read_secrets(subscribed)[1] == WEBHOOK


def test_another_key_opens_nothing(subscribed, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, OTHER_KEY)
    assert "the key that encrypts this database is missing" in error_line(corehr("serve", "--db", subscribed))
    with pytest.raises(UsageError, match=f"give {KEY_VARIABLE} the key that this database was made with"):
        World(subscribed)


def test_a_new_key_takes_over_from_the_old_one(subscribed, monkeypatch):
    old_key, before = os.environ[KEY_VARIABLE], read_secrets(subscribed)
    with closing(World(subscribed)) as world:
        token = world.await_(world._token(APP_ALL))
    assert "has one key: put a new one before it" in error_line(corehr("key", "rotate", "--db", subscribed))

    monkeypatch.setenv(KEY_VARIABLE, f"{NEW_KEY} {old_key}")
    result = corehr("key", "rotate", "--db", subscribed)
    assert (result.exit_code, result.stdout) == (0, "The secrets are encrypted under the first key.\n")

    monkeypatch.setenv(KEY_VARIABLE, NEW_KEY)
    assert read_secrets(subscribed) == before
    with closing(World(subscribed)) as world:
        assert world.await_(world._token(APP_ALL)) == token, "tokens stay valid"
    monkeypatch.setenv(KEY_VARIABLE, old_key)
    with pytest.raises(UsageError, match="is missing"):
        read_secrets(subscribed)


def test_a_key_comes_from_a_file(subscribed, monkeypatch, tmp_path):
    file = tmp_path / "the.key"
    file.write_text(os.environ[KEY_VARIABLE] + "\n")
    assert "given twice" in error_line(corehr("app", "list", "--db", subscribed, "--key-file", str(file)))
    monkeypatch.delenv(KEY_VARIABLE)
    before = read_secrets(subscribed, str(file))
    assert corehr("key", "rotate", "--db", subscribed, "--key-file", str(file)).exit_code == 0
    assert read_secrets(subscribed, str(file)) == before
    new_key, _ = file.read_text().split()
    file.write_text(new_key)
    assert read_secrets(subscribed, str(file)) == before


# -- a SQLite file has its key beside it, a server has not ----------------------------------------------------------


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    monkeypatch.delenv(KEY_VARIABLE)
    return tmp_path


@pytest.fixture
def company(folder) -> str:
    url = f"sqlite:///{folder}/company.db"
    for arguments in (("db", "upgrade"), ("tenant", "create", "--name", "Acme")):
        assert corehr(*arguments, "--db", url).exit_code == 0
    return url


def test_a_new_company_in_a_file_makes_its_key(company, folder):
    assert read_secrets(company)[0]
    lost = (folder / "corehr.key").rename(folder / "elsewhere")
    expected = f"the key that encrypts this database is missing: restore {folder}/corehr.key, or give --key-file or"
    for arguments in (
        ("serve", "--port", "0"),
        ("app", "list"),
        ("key", "rotate"),
        ("tenant", "create", "--name", "B"),
    ):
        assert expected in error_line(corehr(*arguments, "--db", company))
    assert not (folder / "corehr.key").exists(), "a database that has a key gets no other"
    assert corehr("app", "list", "--db", company, "--key-file", str(lost)).exit_code == 0


def test_a_second_company_in_the_folder_shares_the_key(company, folder):
    key = (folder / "corehr.key").read_text()
    url = f"sqlite:///{folder}/second.db"
    assert corehr("db", "upgrade", "--db", url).exit_code == 0
    assert corehr("tenant", "create", "--name", "B", "--db", url).exit_code == 0
    assert (folder / "corehr.key").read_text() == key
    assert corehr("key", "rotate", "--db", company).exit_code == 0
    assert read_secrets(url)[0] != read_secrets(company)[0]


@pytest.fixture
def empty_database(postgres_template) -> Iterator[str]:
    url = postgres_template.create("corehr_keys_empty")
    yield url
    postgres_template.delete(url)


def test_a_company_on_a_server_needs_a_key(folder, empty_database):
    assert corehr("db", "upgrade", "--db", empty_database).exit_code == 0
    create = ("tenant", "create", "--db", empty_database, "--name", "Acme")
    assert "there is no key to encrypt secrets with: give --key-file FILE" in error_line(corehr(*create))
    assert "corehr tenant create" in error_line(corehr("app", "list", "--db", empty_database))
    file = str(folder / "the.key")
    assert corehr("key", "create", file).exit_code == 0
    assert corehr(*create, "--key-file", file).exit_code == 0
    assert read_secrets(empty_database, file)[0]


def test_a_key_file_is_never_overwritten(folder):
    file = folder / "the.key"
    assert corehr("key", "create", str(file)).exit_code == 0
    key = file.read_text()
    assert "exists already" in error_line(corehr("key", "create", str(file)))
    assert file.read_text() == key


@pytest.mark.parametrize(("content", "problem"), [(b"", "is empty"), (b"\xff", "not text"), (b"5", "hexadecimal")])
def test_a_key_file_that_holds_no_key_is_one_line(company, folder, content, problem):
    (folder / "corehr.key").write_bytes(content)
    assert problem in error_line(corehr("app", "list", "--db", company))


# -- the ring -------------------------------------------------------------------------------------------------------


def test_a_secret_is_encrypted_for_its_place():
    ring = KeyRing([NEW_KEY], "")
    text = ring.encrypt("secret", "here")
    assert ring.decrypt(text, "here") == "secret"
    with pytest.raises(UsageError, match="was changed"):
        ring.decrypt(text, "there")
    with pytest.raises(UsageError, match="was changed"):
        ring.decrypt(text[:-4] + "AAA=", "here")
    for unencrypted in ("secret", "", "k1.secret", "k2." + text[3:]):
        with pytest.raises(UsageError, match="is missing"):
            ring.decrypt(unencrypted, "here")


def test_the_same_secret_looks_different_elsewhere():
    ring = KeyRing([NEW_KEY], "")
    texts = {ring.encrypt("secret", context) for context in "ab"} | {KeyRing([OTHER_KEY], "").encrypt("secret", "a")}
    nonces = {text.split(".")[2][:16] for text in texts}
    assert len(nonces) == len(texts) == 3
    assert ring.encrypt("", "a")


def test_without_keys_nothing_is_stored():
    with pytest.raises(UsageError, match="there is no key"):
        NO_KEYS.encrypt("secret", "here")


def test_secrets_are_not_in_the_text_of_objects(world):
    tenant = world.installation.tenant
    assert tenant.server_key not in repr(tenant)
    assert WEBHOOK.encrypt_key not in repr(WEBHOOK)
    assert "changed" not in repr(replace(WEBHOOK, encrypt_key="changed"))


def test_a_copied_secret_does_not_work_for_another_app(sqlite_template):
    """Who may write rows cannot give one app the encrypt key of another."""
    url = sqlite_template.copy()
    with closing(open_store(url, Clock(), TimeOrderedIds())) as store:
        store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribers.subscribe(tx, WEBHOOK, ["a.type"]))
        connection = apsw.Connection(str(sqlite_path(url)))
        connection.execute("UPDATE subscriber SET app_id = 'cli_b000000000000001'")
        connection.close()
        with pytest.raises(UsageError, match="was changed"):
            store.command_sync(DEFAULT_TENANT_ID, subscribers.list_all)
    sqlite_template.delete(url)
