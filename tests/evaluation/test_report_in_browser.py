"""The report in a real browser: what it says is what is shown, and nothing is fetched."""

import html
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.evaluation.headline import headline
from tasks.evaluation.report import ReportData, render_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"  # what the browser itself would like to ask for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


def browse(page: str, folder: Path, *options: str) -> str:
    """Open the page in a fresh headless browser; what it printed."""
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    headless = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command = [*headless, *QUIET, OFFLINE, f"--user-data-dir={folder / 'profile'}", *options, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_the_browser_shows_the_headline(make_data: Callable[..., ReportData], tmp_path: Path) -> None:
    data = make_data(n=200)
    assert html.escape(headline(data.metrics or {})) in browse(render_report(data), tmp_path, "--dump-dom")


def test_the_browser_repairs_nothing(make_data: Callable[..., ReportData], tmp_path: Path) -> None:
    """As many elements of each kind in the parsed page as in the written one."""
    page = render_report(make_data(n=200))
    shown = browse(page, tmp_path, "--dump-dom")
    assert {tag: shown.count(f"<{tag}") for tag in ("svg", "tr", "td", "section", "text")} == {
        tag: page.count(f"<{tag}") for tag in ("svg", "tr", "td", "section", "text")
    }


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A loopback server's address, and the paths that it was asked for."""
    paths: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def test_the_browser_may_fetch_nothing_even_if_a_picture_gets_in(
    make_data: Callable[..., ReportData], tmp_path: Path, asked: tuple[str, list[str]]
) -> None:
    address, paths = asked
    page = render_report(make_data(n=50)).replace("</main>", f'<img src="{address}/spy.png"></main>')
    browse(page, tmp_path, "--dump-dom")
    assert paths == []
    browse(page.replace("Content-Security-Policy", "x"), tmp_path, "--dump-dom")
    assert paths == ["/spy.png"]  # so the server would have noticed


def test_the_browser_paints_the_report(make_data: Callable[..., ReportData], tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    browse(render_report(make_data(n=200)), tmp_path, "--window-size=1200,2000", f"--screenshot={picture}")
    assert picture.stat().st_size > 50_000  # an empty page has about 10,000
