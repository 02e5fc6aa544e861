# SPDX-License-Identifier: Apache-2.0
"""``rnt``, the field engineer's command line: provision, look, diagnose. Every command ends with one result, one exit code, one hint."""
