"""Draws docs/terminal.svg: a demo company, a refused call and the rule that refused it, as a terminal shows them.

    python tools/record_terminal.py

The output is that of the program itself, run now; a demo listens on a free port meanwhile.
"""

import json
import re
import subprocess
import sys
import time
import urllib.request
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "terminal.svg"
SHOWN_URL = "http://127.0.0.1:8321"
BANNER_LINES = 9
LINE_HEIGHT, CHARACTER_WIDTH, MARGIN = 20, 8.4, 20


def main() -> None:
    """Run a demo and two commands against it, and write the picture."""
    corehr = Path(sys.executable).parent / "corehr"
    demo = subprocess.Popen([corehr, "demo", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert demo.stdout is not None
        banner = [demo.stdout.readline().rstrip() for _ in range(BANNER_LINES)]
        found = re.search(r"http://\S+", banner[0])
        assert found is not None, banner
        url = found[0]
        world = get(url, "world")
        body = {"offboarding_id": world["offboardings"]["under_withdrawal"]["id"]}
        arguments = ["call", "v2.offboarding.revoke", "--data", json.dumps(body)]
        refusal = subprocess.run([corehr, *arguments, "--url", url], capture_output=True, text=True, check=False)
        request = get(url, "requests?limit=1")["items"][0]
    finally:
        demo.terminate()
        demo.wait()
    lines = [
        ("$ make demo", True),
        *((line.replace(url, SHOWN_URL), False) for line in banner),
        ("", False),
        (f"$ corehr call v2.offboarding.revoke --data '{json.dumps(body)}'", True),
        (re.sub(r" \(log id.*", "", refusal.stderr.strip()), False),
        ("", False),
        (f"$ curl -s '{SHOWN_URL}/sandbox/requests?limit=1' | jq .items[0].rule", True),
        (json.dumps(request["rule"]), False),
    ]
    TARGET.write_text(draw(lines))
    print(TARGET.relative_to(ROOT))


def get(url: str, path: str) -> Any:
    """Return the answer of a sandbox path; the server may still be starting."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"{url}/sandbox/{path}") as response:
                return json.load(response)
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def draw(lines: list[tuple[str, bool]]) -> str:
    """Return an SVG of the lines; those that were typed are brighter."""
    width = round(max(len(text) for text, _ in lines) * CHARACTER_WIDTH + 2 * MARGIN)
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    texts = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + (n + 0.7) * LINE_HEIGHT:.0f}" fill="{"#ffffff" if typed else "#a9b7c6"}" '
        f'xml:space="preserve">{escape(text)}</text>'
        for n, (text, typed) in enumerate(lines)
        if text
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="A terminal: a demo company, a refused call and the rule that refused it">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#1b1f24"/>\n'
        f'<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14">\n{texts}\n</g>\n</svg>\n'
    )


if __name__ == "__main__":
    main()
