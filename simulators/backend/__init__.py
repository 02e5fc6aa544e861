# SPDX-License-Identifier: Apache-2.0
"""The operator, as a process: certificates, blank cards, numbers, approvals and acknowledgements behind TLS on loopback."""
