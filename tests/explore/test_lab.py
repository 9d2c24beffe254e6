"""Explorables beside a running kernel, in JupyterLab."""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from browser_support import watch, write_notebook
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.lab,
    # a plugin of pytest-playwright still defines a session fixture the old way
    pytest.mark.filterwarnings("ignore:Session-scoped fixtures"),
]

FIRST = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom example import *"


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on a loopback port, with one notebook; yields the notebook's address."""
    root = tmp_path_factory.mktemp("lab")
    write_notebook(root / "live.ipynb", FIRST, "flow", "faulty")
    config = root / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "lab" / "settings").mkdir(parents=True)
    overrides = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    app = root / "settings"
    app.mkdir()
    (app / "overrides.json").write_text(json.dumps(overrides))
    port = free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token="),
        *(f"--ServerApp.root_dir={root}", f"--LabServerApp.app_settings_dir={app}"),
        *(f"--LabApp.app_settings_dir={app}", "--ServerApp.port_retries=0"),
    ]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(config / "lab" / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(config / "lab" / "workspaces"),
        "IPYTHONDIR": str(root / "ipython"),
    }
    with (root / "lab.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=root)
        try:
            wait_for(f"http://127.0.0.1:{port}/api", server, root / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/live.ipynb"
        finally:
            server.terminate()
            server.wait(20)


def wait_for(address, server, log):
    """Wait until the server answers; show its log if it ends or takes too long."""
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(log.read_text())


@pytest.fixture
def notebook(page, lab):
    """The notebook open in JupyterLab with all cells run."""
    seen = watch(page)
    page.set_viewport_size({"width": 1200, "height": 1600})
    page.goto(lab)
    page.get_by_text("ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.get_by_role("group", name="Error flow").wait_for(timeout=60_000)
    yield page
    assert not seen.outside, seen.outside
    ours = [text for text in seen.errors if "xp" in text or "explorable" in text]
    assert not ours, ours


def test_the_exact_answer_replaces_the_baked_one(notebook):
    page = notebook
    group = page.get_by_role("group", name="Error flow")
    badge = group.locator(".xp-badge")
    expect(badge).to_have_text("exact (computed now by Python)", timeout=20_000)
    expect(group.get_by_role("button", name="Copy link")).to_be_hidden()
    slider = group.get_by_role("slider", name="self-weight")
    assert slider.get_attribute("step") == "0.05"
    group.get_by_label("tanh").check()
    page.evaluate(
        """() => {
             window.answers = [];
             let moved = 0;
             addEventListener('input', () => { moved = performance.now(); }, true);
             const badge = document.querySelector('.xp-badge');
             new MutationObserver(() => {
               if (badge.textContent.startsWith('exact')) answers.push(performance.now() - moved);
             }).observe(badge, { childList: true });
           }"""
    )
    for i in range(1, 31):
        slider.press("ArrowRight" if i <= 15 else "ArrowLeft")
        expect(badge).to_have_text("exact (computed now by Python)")
    slider.press("ArrowRight")
    expect(group.locator("output").nth(1)).to_have_text("2.05")
    exact = f"At lag 10 the flow is at most {2.05**10:.3g}."
    expect(group.locator(".xp-says")).to_have_text(exact)
    expect(badge).to_have_text("exact (computed now by Python)")
    times = page.evaluate("answers")
    median = statistics.median(times)
    print(f"exact answer: median {median:.0f} ms over {len(times)}")
    assert median < 1000


def test_an_error_in_python_shows_and_passes(notebook):
    page = notebook
    group = page.get_by_role("group", name="Sometimes wrong")
    badge = group.locator(".xp-badge")
    expect(badge).to_have_text("exact (computed now by Python)", timeout=20_000)
    slider = group.get_by_role("slider")
    slider.press("ArrowRight")
    alert = group.get_by_role("alert")
    expect(alert).to_contain_text("ArithmeticError: no answer for 1.1")
    expect(alert).to_contain_text("faulty(w=1.1)")
    expect(group.locator(".xp-says")).to_have_text("Slope 1.0.")
    alert.locator("summary").click()
    expect(alert.locator("pre")).to_contain_text("raise ArithmeticError")
    for _ in range(4):
        slider.press("ArrowRight")
    expect(badge).to_have_text("exact (computed now by Python)")
    expect(group.locator(".xp-says")).to_have_text("Slope 1.5.")
    expect(alert).to_be_hidden()
