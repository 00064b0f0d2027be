"""The quick start of docs/api.md, run line by line as it is written."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)

# `curl` and `jq` as far as the quick start uses them, for machines that lack either.
CURL = """
import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
method, headers, content, url = "GET", {}, None, None
words = iter(sys.argv[1:])
for word in words:
    if word == "-H":
        name, _, text = next(words).partition(": ")
        headers[name] = text
    elif word == "--json":
        content = next(words)
        method = method if method != "GET" else "POST"
        headers["Content-Type"] = "application/json"
    elif word == "-X":
        method = next(words)
    elif word != "-s":
        url = word
asked = Request(url, data=content and content.encode(), headers=headers, method=method)
try:
    answer = build_opener(ProxyHandler({})).open(asked, timeout=60)
except HTTPError as refused:
    answer = refused
print(answer.read().decode())
"""
JQ = """
import json, sys
told = json.load(sys.stdin)
path = sys.argv[-1]
steps, _, rest = path.partition(" | ")
for step in steps.strip(".").split("."):
    if step:
        told = told[step]
if rest == "length":
    told = len(told)
print(told if "-r" in sys.argv else json.dumps(told, ensure_ascii=False, indent=2))
"""


def _add_command(folder: Path, name: str, *words: str) -> None:
    """A command that runs this Python, whatever spaces its path has."""
    told = " ".join(shlex.quote(word) for word in (sys.executable, *words))
    (folder / name).write_text(f'#!/bin/sh\nexec {told} "$@"\n', encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    for name, text in (("curl", CURL), ("jq", JQ)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        _add_command(tmp_path, name, str(tmp_path / f"{name}.py"))
    _add_command(tmp_path, "tallystick", "-m", "tallystick")
    return tmp_path


def test_the_quick_start_works_as_written(database_url: str, tools: Path) -> None:
    setting_up, *asking = BLOCKS
    port = 20_000 + os.getpid() % 12_000  # below the ports that the system lends to clients
    is_alive = "kill -0 $SERVER || { cat server.log >&2; exit 1; }"
    until_ready = f"until curl -s http://127.0.0.1:{port}/readyz > ready 2>&1; do {is_alive}; sleep 0.2; done"
    script = "\n".join(
        (
            setting_up.replace("serve --port 8080", f"serve --port {port} 2> server.log & SERVER=$!"),
            "trap 'kill $SERVER; wait $SERVER' EXIT",
            until_ready,
            *asking,
        )
    ).replace(":8080", f":{port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tools,
        env={
            "PATH": f"{tools}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "TALLYSTICK_DATABASE_URL": database_url,
            "TALLYSTICK_DATA_DIR": str(tools / "data"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 143), done.stderr
    told = done.stdout
    assert "✓ baitiao 1\n12\n" in told, told + done.stderr
    first_payment, second_payment = re.findall(r'"payment_id": "(payment_\w+)"', told)
    assert first_payment == second_payment
    assert '"available_minor"' in told
    assert '"2026-12-01"' in told
    days_past_due, _, metadata = told.strip().rpartition("\n{\n")
    assert int(days_past_due.splitlines()[-1]) > 60
    assert '"crm_ticket": "T-100"' in metadata
