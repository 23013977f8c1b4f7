"""The site of this project and the pages of `physeq docs`, opened in a headless Chromium."""

import functools
import http.server
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import devtools
import pytest

ROOT = Path(__file__).parents[2]
PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
WIDE, NARROW = {"width": 1200}, {"width": 400, "height": 800}
LEAST = {"text": 4.5, "table": 4.5, "code": 4.5, "math": 4.5}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(devtools.installed() is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def browser():
    try:
        browser = devtools.Browser(devtools.installed())
    except RuntimeError as error:
        pytest.skip(f"Chromium does not start here: {error}")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def site():
    """The folder of the built site, brought up to date."""
    missing = [name for name in ("sphinx", "furo", "myst_nb") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the site is built with {', '.join(missing)}: pip install '.[docs]'")
    built = ROOT / "docs" / "_build" / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", ROOT / "docs", built]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    """The address of a server of the built site."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder that `physeq docs` writes for some systems."""
    folder = tmp_path_factory.mktemp("pages")
    systems = [str(ROOT / "systems" / name) for name in ("resistor_network:nonlinear", "oscillator_chain:duffing")]
    done = subprocess.run(
        [sys.executable, "-m", "physeq.cli", "docs", *systems, "-o", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def sphinx_pages(site):
    generated = {"genindex.html", "py-modindex.html", "search.html"}
    found = sorted(path.relative_to(site) for path in site.rglob("*.html"))
    return [p for p in found if p.parts[0] not in ("gallery", "_static", "_modules") and p.name not in generated]


def complaints(browser, url, least=LEAST):
    """What is wrong with a page in the window as it is; an empty list where nothing is."""
    browser.open(url)
    seen = browser.evaluate(PROBE)
    found = browser.faults()
    if seen["width"] > seen["window"]:
        found.append(f"{seen['width']} px wide in a window of {seen['window']} px")
    found += [f"mathematics without a size: {text!r}" for text in seen["flat"]]
    found += [f"cut off: {text}" for text in seen["cut"]]
    for kind, (ratio, text, name) in seen["lowest"].items():
        if ratio < least[kind]:
            found.append(f"{kind} with a contrast of {ratio}: {text!r} ({name})")
    host = urlsplit(url).netloc
    for asked in browser.requests():
        parts = urlsplit(asked)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
            found.append(f"a request to another host: {asked}")
    return found, seen


def complaints_of(browser, urls):
    """{page: complaints} in both widths and schemes, and how much mathematics was seen."""
    wrong, formulas = {}, 0
    for window, scheme in ((WIDE, "light"), (NARROW, "dark")):
        browser.look(**window, scheme=scheme)
        for url in urls:
            found, seen = complaints(browser, url)
            formulas += seen["maths"]
            if found:
                wrong[f"{url} {window['width']} px {scheme}"] = found
    return wrong, formulas


FAULTY = """<!DOCTYPE html><html><head><title>Faulty</title></head><body style="background: #fff; color: #000">
<p style="color: #999">Too pale.</p> <p>Black.</p> <pre style="color: #000">Code.</pre>
<math style="width: 0; height: 0; overflow: hidden"><mi>x</mi></math>
<table style="width: 900px"><tr><td>Wide.</td></tr></table>
<img src="missing.png"><img src="http://127.0.0.1:9/elsewhere.png">
<script>console.error("wrong")</script></body></html>"""


def test_faults_are_seen(browser, tmp_path):
    page = tmp_path / "faulty.html"
    page.write_text(FAULTY, encoding="utf-8")
    browser.look(**NARROW)
    found, seen = complaints(browser, page.as_uri())
    text = "\n".join(found)
    for said in (
        "console:",
        "ERR_FILE_NOT_FOUND",
        "another host: http://127.0.0.1:9/",
        "px wide in a window of 400 px",
    ):
        assert said in text
    assert "mathematics without a size: 'x'" in text and "cut off: TABLE Wide." in text
    assert "text with a contrast of 2.85: 'Too pale.'" in text and "code with" not in text
    assert seen["lowest"]["code"][0] == 21


def test_pages_of_the_site(browser, site, address):
    urls = [f"{address}/{path.as_posix()}" for path in sphinx_pages(site)]
    assert len(urls) > 40
    wrong, formulas = complaints_of(browser, urls)
    assert not wrong
    assert formulas > 200


def test_pages_of_the_gallery(browser, site, address):
    """All generated pages, narrow and dark."""
    browser.look(**NARROW, scheme="dark")
    found = sorted((site / "gallery").rglob("*.html"))
    assert len(found) > 100
    wrong = {}
    for path in found:
        bad, seen = complaints(browser, f"{address}/{path.relative_to(site).as_posix()}")
        if bad or (path.parent.parent.parent == site / "gallery" and not seen["maths"]):
            wrong[path.relative_to(site).as_posix()] = bad or ["no mathematics"]
    assert not wrong


def test_pages_opened_from_a_folder(browser, pages):
    """Without a server: nothing but files of the folder, in all four combinations of width and scheme."""
    urls = [path.as_uri() for path in sorted(pages.rglob("*.html"))]
    assert len(urls) > 10
    for window in (WIDE, NARROW):
        for scheme in ("light", "dark"):
            browser.look(**window, scheme=scheme)
            for url in urls:
                found, seen = complaints(browser, url)
                assert not found, (url, window, scheme, found)
                assert seen["maths"] or url.endswith("/index.html")
                assert all(asked.startswith(pages.as_uri()) for asked in browser.requests())


def test_links_of_a_folder_lead_on(browser, pages):
    browser.look(**WIDE)
    browser.open((pages / "index.html").as_uri())
    for link, title in (("equilibrium-propagation", "equilibrium"), ("the system", "Resistor network")):
        browser.events = []
        browser.evaluate(f"[...document.querySelectorAll('a')].find(a => a.textContent === '{link}').click()")
        browser.loaded()
        assert title.lower() in browser.evaluate("document.title").lower()
    assert not browser.faults()


def test_navigation_and_search(browser, address):
    browser.look(**WIDE)
    browser.open(f"{address}/index.html")
    browser.events = []
    browser.evaluate("document.querySelector('.sidebar-tree a[href*=\"choosing\"]').click()")
    browser.loaded()
    assert browser.evaluate("document.querySelector('h1').firstChild.textContent") == "How to choose"
    for word, wanted in (("superlinear", "choosing.html"), ("memristor", "gallery.html")):
        browser.open(f"{address}/search.html?q={word}")
        browser.wait("document.querySelectorAll('#search-results li').length > 0")
        found = browser.wait(
            f"[...document.querySelectorAll('#search-results li a')].some(a => a.href.includes('{wanted}'))"
        )
        assert found and not browser.faults()


def test_links_have_targets(browser, site, address):
    """Every relative link of every page of the site leads to a file, and to an anchor in it."""
    browser.look(**WIDE)
    gather = """({ids: [...document.querySelectorAll('[id], a[name]')].map(e => e.id || e.name),
                   links: [...document.querySelectorAll('a[href]')].map(a => a.href)})"""
    ids, links = {}, {}
    for path in sphinx_pages(site):
        browser.open(f"{address}/{path.as_posix()}")
        seen = browser.evaluate(gather)
        ids[path.as_posix()] = set(seen["ids"])
        links[path.as_posix()] = [link for link in seen["links"] if link.startswith(address)]
    broken = set()
    for page, targets in links.items():
        for target in targets:
            parts = urlsplit(target)
            there = unquote(parts.path).lstrip("/") or "index.html"
            lost = parts.fragment and there in ids and unquote(parts.fragment) not in ids[there]
            if not (site / there).is_file() or lost:
                broken.add((page, target.removeprefix(address)))
    assert not broken
