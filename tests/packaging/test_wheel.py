"""The wheel, installed in an empty environment with the pinned dependencies, runs the demo."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.stores import skip_or_fail

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(a) for a in arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    files = subprocess.run(
        ["tar", "-cf", "-", "pyproject.toml", "README.md", "LICENSE", "src"], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "-xf", "-"], cwd=source, input=files.stdout, check=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    built = run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", target, source, cwd=target)
    assert built.returncode == 0, built.stderr
    [path] = target.glob("*.whl")
    return path


def test_it_has_every_file_that_the_program_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src"
    read = [p for p in (package / "corehr").rglob("*") if p.suffix in {".py", ".toml", ".mako", ".typed"}]
    assert not {str(p.relative_to(package)) for p in read} - names


def test_it_runs_the_demo_in_an_empty_environment(wheel, tmp_path):
    venv = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", venv, cwd=tmp_path).returncode == 0
    pip = (venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-qq")
    installed = run(*pip, "install", "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt", cwd=tmp_path)
    if installed.returncode:
        skip_or_fail("pypi", f"the dependencies cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
    assert run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path).returncode == 0
    assert "No broken requirements" in run(*pip[:-1], "check", cwd=tmp_path).stdout
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(venv / "bin" / "corehr"), "demo", "--employees", "60", "--port", "0"]
    with (tmp_path / "output").open("w+") as output:
        demo = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = wait_for_url(demo, tmp_path / "output")
            with urllib.request.urlopen(f"{url}/readyz", timeout=30) as response:
                assert response.status == 200
            with urllib.request.urlopen(f"{url}/openapi.json", timeout=30) as response:
                assert b"/open-apis/corehr/v1/job_changes" in response.read()
        finally:
            demo.send_signal(signal.SIGTERM)
            assert demo.wait(60) == 0, (tmp_path / "output").read_text()


def wait_for_url(process: "subprocess.Popen[bytes]", output: Path) -> str:
    """Return the address that the demo prints."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"people: (http://\S+)", output.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(output.read_text())
