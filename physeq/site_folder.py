"""`SiteFolder`: the folder of a site, with a list of what was written there, so that a later build can clean up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from types import TracebackType

from physeq.errors import ModelError

LIST = ".physeq-docs.json"
_SCHEMA = 1


class SiteFolder:
    """Files below a folder, remembered with their contents' hashes in a list beside them.

    As a context: at the end, what the list of an earlier build has and this one did not write is deleted, if it still
    is what that build wrote. After an error nothing is deleted, and the list has the files of both builds.

    Args:
        path: the folder; made with the first file.

    Raises:
        ModelError: the list cannot be read, or a file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for name in ("old.html", "new.html"):
    ...         with SiteFolder(Path(place)) as folder:
    ...             folder.write(name, "text")
    ...     sorted(path.name for path in Path(place).iterdir())
    ['.physeq-docs.json', 'new.html']
    """

    def __init__(self, path: Path):
        self.path = path
        self._earlier = self._read()
        self._written: dict[str, str] = {}

    def write(self, name: str, text: str) -> None:
        """Write a file; `name` is its path below the folder, with /."""
        path = self.path / name
        data = text.encode("utf-8")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise ModelError(f"{path}: cannot be written: {error.strerror}") from None
        self._written[name] = hashlib.sha256(data).hexdigest()

    def __enter__(self) -> SiteFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            for name in self._earlier.keys() - self._written.keys():
                self._remove(name)
            self._list(self._written)
        elif self._written:
            self._list({**self._earlier, **self._written})

    def _list(self, files: dict[str, str]) -> None:
        text = json.dumps({"schema": _SCHEMA, "files": dict(sorted(files.items()))}, indent=1) + "\n"
        path = self.path / LIST
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ModelError(f"{path}: cannot be written: {error.strerror}") from None

    def _read(self) -> dict[str, str]:
        path = self.path / LIST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            files = found["files"]
            if found["schema"] != _SCHEMA or not all(isinstance(x, str) for pair in files.items() for x in pair):
                raise ValueError
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ModelError(
                f"{path}: is no list of what an earlier build wrote; delete it, and files of that build that are no "
                "longer wanted, and build again"
            ) from None
        return files

    def _remove(self, name: str) -> None:
        """Delete a file of an earlier build, and folders that are empty then; never what lies elsewhere."""
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or not relative.parts:
            return
        path = self.path / relative
        parents = [path, *(self.path / parent for parent in relative.parents if parent.parts)]
        if any(place.is_symlink() for place in parents) or not path.is_file():
            return
        if hashlib.sha256(path.read_bytes()).hexdigest() != self._earlier[name]:
            return
        path.unlink()
        for parent in parents[1:]:
            if any(parent.iterdir()):
                break
            parent.rmdir()
