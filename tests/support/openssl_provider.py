# SPDX-License-Identifier: Apache-2.0
"""The platform's OpenSSL with a PKCS#11 provider: Debian's package, of this machine or fetched once into build/."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
FETCHED: Final = CHECKOUT / "build/pkcs11-provider/pkcs11.so"
CONFIGURATION: Final = """openssl_conf = init
[init]
providers = providers
[providers]
default = default_sect
pkcs11 = pkcs11_sect
[default_sect]
activate = 1
[pkcs11_sect]
module = {provider}
pkcs11-module-path = {module}
pkcs11-module-quirks = no-deinit no-operation-state
activate = 1
"""


def provider() -> Path:
    """Return the provider's library; raises ``RuntimeError`` with what stops it and the next command where there is none."""
    done = subprocess.run([CHECKOUT / "host_tools/setup/pkcs11-provider"], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return FETCHED if FETCHED.exists() else next(Path("/usr/lib").glob("*/ossl-modules/pkcs11.so"))


def configuration(folder: Path, module: Path) -> Path:
    """Write and return an OpenSSL configuration in which ``module`` (PKCS#11) is a provider."""
    path = folder / "openssl.cnf"
    path.write_text(CONFIGURATION.format(provider=provider(), module=module))
    return path
