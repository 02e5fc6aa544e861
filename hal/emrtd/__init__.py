# SPDX-License-Identifier: Apache-2.0
"""Machine-readable travel documents, ICAO Doc 9303. So far the passport's machine-readable zone; see the README."""
