# SPDX-License-Identifier: Apache-2.0
"""How a request ends when it does not end well: a business refusal (HTTP 200) or an error of the caller (HTTP 4xx, 5xx)."""

from __future__ import annotations


class Refusal(Exception):
    """The operator refuses with an outcome ``code``; the terminal gets it as an answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Hold(Exception):
    """The operator neither approves nor refuses yet: a hold's ``code``, and whom it waits for."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.code, self.why = code, why


class ApiError(Exception):
    """The request cannot be answered; the body is ``{status, code, message}`` (CAMARA Commonalities)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message

    def __reduce__(self) -> tuple[type[ApiError], tuple[int, str, str]]:
        return ApiError, (self.status, self.code, self.message)
