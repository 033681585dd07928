"""Signed statements of origin (C2PA), with a certificate and key of the user's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Final

import vidsum
from vidsum.broll.marking import C2PA_BOX, SOURCE_TYPE, boxes
from vidsum.errors import BackendFailed, BackendMissing, MediaError, OptionError
from vidsum.outputs import IN_PLACE, write_with
from vidsum.wording import escaped, path_text, shown

_FORMS: Final = {".png": "image/png", ".mp4": "video/mp4"}
_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_MOST_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files in PEM: the certificate with its chain, its own first, and its private key."""

    certificate: Path
    key: Path


def is_signed(path: Path) -> bool:
    """Say whether an MP4 carries a signed manifest, whoever signed it. Raises: MediaError.

    Pictures are not looked at: those that are to be signed were written just now.
    """
    if path.suffix.lower() != ".mp4":
        return False
    try:
        with path.open("rb") as file:
            return any(kind == C2PA_BOX for kind, _, _ in boxes(file))
    except OSError as exc:
        raise MediaError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc


def sign(path: Path, credentials: Credentials) -> None:
    """Put a signed manifest into a marked PNG or MP4, in its place, whole or not at all.

    It says that a trained model created it (``c2pa.created``), and binds that to the file's bytes:
    whatever changes the file later breaks it. Nobody is contacted, so it carries no trusted time.
    Whether others trust the certificate is their lists' matter; one that is not on them is shown
    as untrusted, however valid. Source: C2PA specification 2.2.
    Raises: BackendMissing, OptionError, MediaError, BackendFailed, OutputError.
    """
    c2pa = _library()
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise OptionError(f"{shown(path)} cannot be signed.", "PNG and MP4 files can.")
    chain, key = _read(credentials.certificate), _read(credentials.key)
    algorithm = _algorithm(key, credentials.key)
    try:
        with path.open("rb") as source:
            write_with(path, lambda file, _: _sign(c2pa, (algorithm, chain, key), form, path,
                                                   source, file), hint=IN_PLACE)  # fmt: skip
    except OSError as exc:
        raise MediaError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    except c2pa.C2paError as exc:
        raise _refused(exc, path, credentials) from exc


def _sign(
    c2pa: Any, signer: tuple[str, bytes, bytes], form: str, path: Path, source: BinaryIO,
    target: BinaryIO,
) -> None:  # fmt: skip
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    with (
        settings,
        c2pa.Context(settings=settings) as context,
        c2pa.Signer.from_info(c2pa.C2paSignerInfo(*signer, None)) as hand,
        c2pa.Builder(_manifest(path), context=context) as builder,
    ):
        builder.sign(hand, form, source, target)


def _manifest(path: Path) -> str:
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
    return json.dumps({
        "claim_generator_info": [{"name": "vidsum", "version": vidsum.__version__}],
        "title": path_text(path.name),
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
    })  # fmt: skip


def _library() -> ModuleType:
    try:
        return import_module("c2pa")  # it has no types
    except (ImportError, OSError, RuntimeError) as exc:
        raise BackendMissing(f"Signing needs c2pa-python, which cannot be loaded: {exc}.",
                             "Install it: pip install 'vidsum[c2pa]'") from exc  # fmt: skip


def _read(path: Path) -> bytes:
    """Return what is in a PEM file. Raises: OptionError."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError as exc:
        raise OptionError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    if b"-----BEGIN" not in content or b"\0" in content:
        raise OptionError(f"{shown(path)} is no PEM file.",
                          "It begins with -----BEGIN; openssl converts other forms.")  # fmt: skip
    return content


def _algorithm(key: bytes, path: Path) -> str:
    """Return C2PA's name for what a private key signs by. Raises: OptionError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        found = serialization.load_pem_private_key(key, None)
    except TypeError:  # from None: nothing that was said about a key goes on
        raise OptionError(f"The key {shown(path)} is encrypted.",
                          "openssl pkey -in KEY -out PLAIN decrypts it.") from None  # fmt: skip
    except (ValueError, UnsupportedAlgorithm):
        raise OptionError(f"{shown(path)} holds no private key that can be read.") from None
    match found:
        case ec.EllipticCurvePrivateKey() if found.curve.name in _CURVES:
            return _CURVES[found.curve.name]
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case rsa.RSAPrivateKey():
            return "ps256"
    raise OptionError(f"The key {shown(path)} is of a kind that C2PA does not take.",
                      "It takes P-256, P-384, P-521, Ed25519 and RSA.")  # fmt: skip


def _refused(exc: Exception, path: Path, credentials: Credentials) -> OptionError | BackendFailed:
    said = escaped(str(exc))[:200].rstrip(".")
    if any(word in said.lower() for word in ("certificate", "credential", "signature")):
        return OptionError(f"The certificate {shown(credentials.certificate)} cannot sign: {said}.",
                           "C2PA wants a chain of X.509 v3 certificates, one of them for signing, "
                           "and its own key.")  # fmt: skip
    return BackendFailed(f"{shown(path)} cannot be signed: {said}.")
