# SPDX-License-Identifier: Apache-2.0
"""An ID reader that offers a card's text and photo as numbered blocks over PC/SC. Written from the protocol's public facts."""
