# SPDX-License-Identifier: Apache-2.0
"""A photo decoder as a worker's service: ``decode``. The only place that loads somebody else's library by name.

Rules
* The library is a file named in the configuration with the function of ``rnt_portrait.h``; it is loaded at the first use.
* It runs here without standard output and error, and cannot make a file grow: such libraries are known to print and to write pictures.
* It may crash or hang: that ends this process and nothing else. The terminal ends it after each use anyway, because a library's own
  buffers keep the picture.

Decides nothing about the picture; without a decoder there is none (facts id_reader §3.7: no open decoder is known).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from typing import TYPE_CHECKING, Any, Final

from hal.errors import ProtocolError
from hal.portrait.errors import DecoderUnusable, NotDecoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.deadline import Deadline
    from hal.worker import Operation

WLT_BYTES: Final = 1024
WIDTH, HEIGHT = 102, 126
RGB_BYTES: Final = WIDTH * HEIGHT * 3
MEDIA_TYPE: Final = "image/x-portable-pixmap"
FUNCTION: Final = "rnt_portrait_decode"
DECODED: Final = 1


class PortraitService:
    """``decode {photo: hex of 1,024 bytes}`` → ``{image: a PPM as bytes, media_type}``. Configuration: ``library``, a path."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._library = str(config["library"])
        self.operations: Mapping[str, Operation] = {"decode": self._decode}
        self.link_us = 0

    def close(self) -> None:
        """Do nothing: a library is not unloaded, its process is ended."""

    def _decode(self, arguments: dict[str, Any], _deadline: Deadline) -> dict[str, Any]:
        photo = bytes.fromhex(arguments["photo"])
        if len(photo) != WLT_BYTES:
            raise ProtocolError("a photograph has another size", length=len(photo))
        picture = ctypes.create_string_buffer(RGB_BYTES)
        code = self._function()(photo, picture)
        if code != DECODED:
            raise NotDecoded("the library did not decode the photograph", code=code)
        header = f"P6\n{WIDTH} {HEIGHT}\n255\n".encode("ascii")
        return {"image": header + picture.raw, "media_type": MEDIA_TYPE}

    def _function(self) -> Any:
        _keep_to_itself()
        try:
            function = getattr(ctypes.CDLL(self._library), FUNCTION)
        except (OSError, AttributeError) as error:
            raise DecoderUnusable("no photo decoder in this library", reason=type(error).__name__) from None
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        function.restype = ctypes.c_int
        return function


def _keep_to_itself() -> None:
    """Take standard output and error from this process, and let no file of it grow."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with contextlib.suppress(ValueError, OSError):  # under the unit's system call filter; there the file system is closed instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
