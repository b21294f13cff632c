"""The certificate that every proxy of a run shares: EC P-256, made for the run, gone with its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(folder: Path) -> Path:
    """One PEM file with private key and chain, for all the names that the load generators use."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    leaf = authority.issue_cert("app.example.com", "localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA)
    path = folder / "certificate.pem"
    leaf.private_key_and_cert_chain_pem.write_to_path(path)
    return path
