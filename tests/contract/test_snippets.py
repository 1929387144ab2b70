"""The Python programs of the pages run as they stand, with the official SDK, and print what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import running_server

ROOT = Path(__file__).resolve().parent.parent.parent
PRINTED = {
    "README.md": ["success 1160601\nTrue\n"],
    "README.zh-CN.md": ["success 1160601\nTrue\n"],
    "docs/walkthrough.md": ["success\nsuccess\n2026-03-06T…\n2026-03-01 00:00:00 True\nTrue\n"],
}


@pytest.mark.parametrize("page", PRINTED)
def test_a_page_prints_what_it_says(page: str, sqlite_template) -> None:
    programs = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert len(programs) == len(PRINTED[page])
    for program, printed in zip(programs, PRINTED[page], strict=True):
        url = sqlite_template.copy()
        try:
            with running_server(url) as server:
                ours = program.replace("http://127.0.0.1:8321", server.url)
                result = subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", ours], capture_output=True, text=True, check=False
                )
        finally:
            sqlite_template.delete(url)
        assert result.returncode == 0, result.stderr
        assert re.sub(r"T[\d:.]+\+08:00", "T…", result.stdout) == printed
