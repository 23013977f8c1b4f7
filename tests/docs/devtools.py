"""A headless Chromium driven over the DevTools protocol through pipes: messages are JSON, each ended by a zero byte."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def installed() -> str | None:
    """The path of the browser, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One browser with one page. `events` are those of the page since the last `open`."""

    def __init__(self, program: str):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.last, self.buffer, self.events, self.page = 0, b"", [], None
        try:
            self._start(program)
        except RuntimeError as error:
            # A superuser is told which option it takes to run all the same.
            option = re.search(r"[Rr]unning as root without (--[\w-]+)", str(error))
            if option is None:
                raise
            self._start(program, option[1])
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def _start(self, program, *options):
        # The browser reads from descriptor 3 and writes to 4; high numbers first, so that neither is taken.
        ours = [os.pipe(), os.pipe()]
        theirs = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 20) for descriptor in (ours[0][0], ours[1][1])]
        self.write, self.read = ours[0][1], ours[1][0]
        os.close(ours[0][0]), os.close(ours[1][1])
        command = [program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", *options]
        command += ["--no-first-run", "--disable-extensions", "--disable-background-networking", "--hide-scrollbars"]
        command += ["--disable-component-update", "--disable-sync", "--disable-gpu", "--disable-dev-shm-usage"]
        shell = f'exec 3<&{theirs[0]} 4>&{theirs[1]}; exec "$@"'
        with tempfile.TemporaryFile() as said:
            self.process = subprocess.Popen(
                ["bash", "-c", shell, "browser", *command], pass_fds=theirs, stdout=said, stderr=said, env=self._quiet()
            )
            for descriptor in theirs:
                os.close(descriptor)
            try:
                self.call("Browser.getVersion")
            except (EOFError, BrokenPipeError):
                self._end()
                said.seek(0)
                raise RuntimeError(said.read().decode(errors="replace")) from None

    @staticmethod
    def _quiet():
        return {name: value for name, value in os.environ.items() if name != "DISPLAY"}

    def call(self, method, **params):
        """The result of a command; events that come meanwhile are kept."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.page is not None:
            message["sessionId"] = self.page
        os.write(self.write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 120
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.read, 1 << 20)
            if not part:
                raise EOFError("the browser has ended")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def look(self, width=1200, height=900, scheme="light"):
        """The size of the window and the preferred scheme of colours."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        """Go to a page and wait until it has loaded."""
        self.events = []
        self.call("Page.navigate", url=url)
        self.loaded()

    def loaded(self):
        """Wait for the load of the page that is opening."""
        deadline = time.monotonic() + 120
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next(deadline))

    def evaluate(self, expression):
        """The value of an expression of JavaScript, awaited where it is a promise."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        return found["result"].get("value")

    def wait(self, expression, seconds=60):
        """Evaluate until the value is true; the value."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still false after {seconds} s: {expression}")
            time.sleep(0.1)
        return value

    def screenshot(self, path):
        """What is in the window, as a PNG file."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def faults(self):
        """What went wrong since `open`: errors of the console, exceptions, requests that failed.

        The icon that a browser asks a server for by itself is no fault of a page.
        """
        self.call("Runtime.evaluate", expression="0")  # what was on its way arrives before the answer
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(f"exception: {params['exceptionDetails'].get('text')}")
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
                found.append(f"console: {params['args']}")
            elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
            elif method == "Network.loadingFailed" and not params.get("canceled"):
                found.append(f"failed: {params['errorText']}")
            elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
                found.append(f"{params['response']['status']}: {params['response']['url']}")
        return [fault for fault in found if "/favicon.ico" not in fault]

    def requests(self):
        """The addresses that were asked for since `open`."""
        asked = (event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [params["request"]["url"] for params in asked]

    def close(self):
        """End the browser and remove its profile."""
        self.page = None
        with contextlib.suppress(EOFError, OSError, RuntimeError, TimeoutError):
            self.call("Browser.close")
        self._end()
        self.profile.cleanup()

    def _end(self):
        os.close(self.write), os.close(self.read)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.buffer = b""
