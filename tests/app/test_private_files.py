"""The files of a company can be read by their owner only, whatever the umask is."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

COREHR = (sys.executable, "-m", "corehr.cli.main")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of every file and folder below a folder, by its name."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


@pytest.fixture(params=[0o000, 0o277], ids=oct)
def corehr(request, monkeypatch) -> Iterator[Callable[..., None]]:
    """Run a command without a key in its environment, under this umask; what a test starts later has it too."""
    monkeypatch.delenv("COREHR_KEY")

    def run(*arguments: str) -> None:
        subprocess.run([*COREHR, *arguments], check=True, capture_output=True)

    before = os.umask(request.param)
    yield run
    os.umask(before)


def test_a_company_is_private_while_it_is_served(corehr, tmp_path):
    url = f"sqlite:///{tmp_path}/company.db"
    corehr("db", "upgrade", "--db", url)
    corehr("tenant", "create", "--db", url, "--name", "Acme")
    corehr("key", "create", f"{tmp_path}/another.key")
    with subprocess.Popen([*COREHR, "serve", "--db", url, "--port", "0"], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = modes(tmp_path) if "Acme is served" in server.stderr.readline() else {}
        server.terminate()
        names = ("another.key", "company.db", "company.db-shm", "company.db-wal", "company.db.lock", "corehr.key")
        assert found == dict.fromkeys(names, 0o600)
    corehr("key", "rotate", "--db", url)
    assert modes(tmp_path)["corehr.key"] == 0o600


def test_a_demo_is_private(corehr, tmp_path):
    command = [*COREHR, "demo", "--port", "0", "--employees", "60"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        try:
            assert demo.stdout is not None
            assert demo.stdout.readline().startswith("Demo company, 60 people")
            [folder] = tmp_path.iterdir()
            names = ("demo.db", "demo.db-shm", "demo.db-wal", "demo.db.lock", "corehr.key")
            assert modes(tmp_path) == {folder.name: 0o700} | dict.fromkeys(names, 0o600)
        finally:
            demo.terminate()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_others_may_read_is_made_private(corehr, tmp_path):
    """Such as one that an older version made, or that was restored from a backup."""
    url = f"sqlite:///{tmp_path}/company.db"
    corehr("db", "upgrade", "--db", url)
    corehr("tenant", "create", "--db", url, "--name", "Acme")
    (tmp_path / "company.db").chmod(0o644)
    corehr("app", "list", "--db", url)
    assert modes(tmp_path)["company.db"] == 0o600


def test_a_key_file_that_everybody_may_read_is_pointed_out(monkeypatch, tmp_path):
    monkeypatch.delenv("COREHR_KEY")
    url, key = f"sqlite:///{tmp_path}/company.db", tmp_path / "corehr.key"
    for arguments in (("db", "upgrade"), ("tenant", "create", "--name", "Acme")):
        subprocess.run([*COREHR, *arguments, "--db", url], check=True, capture_output=True)
    for mode, pointed_out in ((0o640, False), (0o644, True)):
        key.chmod(mode)
        listed = subprocess.run([*COREHR, "app", "list", "--db", url], check=True, capture_output=True, text=True)
        assert (f"every user of this machine may read {key}" in listed.stderr) is pointed_out
        assert stat.S_IMODE(key.stat().st_mode) == mode, "the key may be another program's to manage"
