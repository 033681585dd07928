"""Signed files read back by c2pa's own reader, signed with a chain that is made here."""

from __future__ import annotations

import datetime as dt
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image as Pillow

from vidsum.broll.marking import SOURCE_TYPE, Marks, read_marks, write_png
from vidsum.broll.motion import MOVES, write_clip
from vidsum.broll.signing import Credentials, sign
from vidsum.errors import BackendMissing, MediaError, OptionError

MARKS = Marks("fog over a quay", "flux2-klein", "local", "s01", 7)
PICTURE = np.arange(64 * 48 * 3, dtype=np.uint64).astype(np.uint8).reshape(48, 64, 3)
KINDS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A test"),
                      x509.NameAttribute(NameOID.COMMON_NAME, name)])  # fmt: skip


def usage(**used: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: used.get(name, False) for name in names})


def certificate(name: str, key: Any, root: Any, *, is_root: bool) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    root_id = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    built = (
        x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("Root"))
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.BasicConstraints(is_root, 0 if is_root else None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id),
                       False)
    )  # fmt: skip
    if is_root:
        built = built.add_extension(usage(key_cert_sign=True, crl_sign=True), True)
    else:
        built = built.add_extension(usage(digital_signature=True), True).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False
        )
    return built.sign(root, hashes.SHA256())


def key_pem(key: Any, password: bytes = b"") -> bytes:
    kept = (serialization.BestAvailableEncryption(password) if password
            else serialization.NoEncryption())  # fmt: skip
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                   kept)  # fmt: skip
    return pem


def credentials(folder: Path, kind: str = "p256") -> tuple[Credentials, str]:
    """A certificate and key, written as files, and the root that vouches for them."""
    root, key = ec.generate_private_key(ec.SECP256R1()), KINDS[kind]()
    top = certificate("Root", root, root, is_root=True).public_bytes(serialization.Encoding.PEM)
    own = certificate("Signer", key, root, is_root=False)
    folder.mkdir(exist_ok=True)
    found = Credentials(folder / "chain.pem", folder / "key.pem")
    found.certificate.write_bytes(own.public_bytes(serialization.Encoding.PEM) + top)
    found.key.write_bytes(key_pem(key))
    return found, top.decode()


def manifest(path: Path, form: str, root: str) -> Any:
    settings = c2pa.Settings.from_dict({"trust": {"trust_anchors": root}})
    with (
        settings,
        c2pa.Context(settings=settings) as context,
        path.open("rb") as file,
        c2pa.Reader(form, file, context=context) as reader,
    ):
        return json.loads(reader.json())


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_picture_is_trusted_by_who_trusts_the_root(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s01.png"
    write_png(path, PICTURE, MARKS)
    own, root = credentials(tmp_path / "keys", kind)
    sign(path, own)
    found = manifest(path, "image/png", root)
    assert found["validation_state"] == "Trusted"
    active = found["manifests"][found["active_manifest"]]
    actions = next(one["data"]["actions"] for one in active["assertions"]
                   if one["label"].startswith("c2pa.actions"))  # fmt: skip
    assert [one["action"] for one in actions] == ["c2pa.created"]
    assert actions[0]["digitalSourceType"] == SOURCE_TYPE
    assert active["claim_generator_info"][0]["name"] == "vidsum"
    assert active["title"] == "s01.png"
    assert "thumbnail" not in active
    _, other = credentials(tmp_path / "others")
    assert manifest(path, "image/png", other)["validation_state"] == "Valid"


def test_signing_keeps_the_picture_and_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, PICTURE, MARKS)
    sign(path, credentials(tmp_path / "keys")[0])
    assert read_marks(path) == MARKS
    with Pillow.open(path) as picture:
        assert np.array_equal(np.asarray(picture), PICTURE)
    assert {one.name for one in tmp_path.iterdir()} == {"a.png", "keys"}


def test_a_signed_clip_plays_as_before_and_keeps_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "-a%d.mp4"
    write_clip(path, PICTURE, seconds=0.4, fps=Fraction(25), move=MOVES[0], marks=MARKS)
    before = decoded(path)
    own, root = credentials(tmp_path / "keys")
    sign(path, own)
    assert manifest(path, "video/mp4", root)["validation_state"] == "Trusted"
    assert read_marks(path) == MARKS
    assert np.array_equal(decoded(path), before)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def decoded(path: Path) -> Any:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def test_what_is_changed_afterwards_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, PICTURE, MARKS)
    own, root = credentials(tmp_path / "keys")
    sign(path, own)
    path.write_bytes(path.read_bytes().replace(b"fog over a quay", b"dog over a quay"))
    found = manifest(path, "image/png", root)
    assert found["validation_state"] == "Invalid"
    assert any("dataHash.mismatch" in one["code"] for one in found["validation_status"])


def test_what_cannot_sign_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, PICTURE, MARKS)
    before = path.read_bytes()
    own, _ = credentials(tmp_path / "keys")
    other, _ = credentials(tmp_path / "others", "p384")
    text, locked, odd = tmp_path / "text", tmp_path / "locked", tmp_path / "odd"
    text.write_text("no key")
    locked.write_bytes(key_pem(KINDS["p256"](), b"secret"))
    odd.write_bytes(key_pem(x25519.X25519PrivateKey.generate()))
    cases = (
        (Credentials(own.certificate, text), "is no PEM file"),
        (Credentials(text, own.key), "is no PEM file"),
        (Credentials(own.certificate, locked), "is encrypted"),
        (Credentials(own.certificate, odd), "of a kind that C2PA does not take"),
        (Credentials(own.certificate, own.certificate), "holds no private key"),
        (Credentials(own.certificate, tmp_path / "gone"), "cannot be read"),
        (Credentials(own.certificate, other.key), "cannot sign"),
    )
    for wrong, said in cases:
        with pytest.raises(OptionError, match=said):
            sign(path, wrong)
        assert path.read_bytes() == before
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_other_files_are_not_signed(tmp_path: Path) -> None:
    own, _ = credentials(tmp_path / "keys")
    with pytest.raises(OptionError, match="cannot be signed"):
        sign(tmp_path / "a.txt", own)
    with pytest.raises(MediaError, match="cannot be read"):
        sign(tmp_path / "a.png", own)


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(BackendMissing, match="c2pa-python") as lacking:
        sign(tmp_path / "a.png", Credentials(tmp_path / "c", tmp_path / "k"))
    assert "vidsum[c2pa]" in lacking.value.hint
