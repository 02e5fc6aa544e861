# SPDX-License-Identifier: Apache-2.0
r"""The digest of the installed software, as every record states it.

The manifest has one line per file of the shipped packages, ``<SHA-256 hex>  <package/path>\n``, sorted by path: the form ``sha256sum -c``
reads. The software digest is SHA-256 over the manifest. Left out: byte code, which the interpreter makes for itself. This module says what
is installed; whether that may run is decided by the signed release manifest it is compared with.
"""

from __future__ import annotations

from hashlib import file_digest, sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED: Final = ("firmware", "hal")
_BYTE_CODE: Final = "__pycache__"


class SoftwareUnreadable(Exception):
    """The installed software cannot be listed: a package is missing, a file unreadable, or a link stands in a package."""


def software_manifest(*packages: str) -> bytes:
    """Return the manifest of the named top-level packages (default :data:`SHIPPED`); raises :class:`SoftwareUnreadable`."""
    lines = [line for package in packages or SHIPPED for root in _roots(package) for line in _lines(package, root)]
    return b"".join(digest + b"  " + path + b"\n" for path, digest in sorted(lines))


def software_digest(*packages: str) -> bytes:
    """Return SHA-256 over :func:`software_manifest`, 32 bytes; raises :class:`SoftwareUnreadable`."""
    return sha256(software_manifest(*packages)).digest()


def _roots(package: str) -> list[Path]:
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise SoftwareUnreadable(f"no package {package}")
    return [Path(location) for location in spec.submodule_search_locations]


def _lines(package: str, root: Path) -> Iterator[tuple[bytes, bytes]]:
    try:
        for path in root.rglob("*"):
            relative = path.relative_to(root)
            if path.is_symlink():
                raise SoftwareUnreadable(f"{package}/{relative} is a link")
            if _BYTE_CODE in relative.parts or path.is_dir():
                continue
            name = f"{package}/{relative.as_posix()}"
            if "\n" in name or "\\" in name:
                raise SoftwareUnreadable(f"a file of {package} has a name no manifest can hold")
            with path.open("rb") as stream:
                yield name.encode(), file_digest(stream, "sha256").hexdigest().encode()
    except (OSError, UnicodeError) as error:
        raise SoftwareUnreadable(f"{package}: {type(error).__name__}") from error
