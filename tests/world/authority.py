"""A time-stamp authority on 127.0.0.1: `openssl ts -reply` behind HTTP, which lies on demand."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from presswatch_spark.legal.evidence import verify as alone

DAYS = timedelta(days=30)
POLICY = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/chain.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


HEADS = {
    "drips its head": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "drips its chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
}


@dataclass
class Authority:
    """A running authority. `lie`: what it does wrong; `asked`: the requests that came."""

    folder: Path
    url: str = ""
    lie: str = ""
    asked: list[bytes] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Its root certificate, as PEM."""
        return self.folder / "root.pem"

    @property
    def trusted(self) -> str:
        """What `--tsa` takes."""
        return f"{self.url},{self.root}"

    def answer(self, request: bytes) -> bytes:
        self.asked.append(request)
        if self.lie == "imprint":
            request = request.replace(request[26:34], bytes(8))
        if self.lie == "nonce":
            # Its last byte stands before the wish for certificates.
            request = request[:-4] + bytes([request[-4] ^ 1]) + request[-3:]
        (self.folder / "query.tsq").write_bytes(request)
        reply = self.folder / "reply.tsr"
        self._openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", str(reply))
        token = reply.read_bytes()
        return disordered(token) if self.lie == "disorder" else token

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)


def disordered(token: bytes) -> bytes:
    """The same answer with its certificates in the reverse order, which DER does not allow."""
    signed = alone.within(token, 0, 1, 1, 0)
    held = next(content for tag, content in alone.parts(signed) if tag == 0xA0)
    each = [alone.encoded(tag, content) for tag, content in alone.parts(held)]
    assert len(each) > 1
    return token.replace(held, b"".join(sorted(each, reverse=True)))


@contextmanager
def authority(folder: Path, name: str = "Horodatage") -> Iterator[Authority]:
    """Run an authority with a root, an intermediate and a certificate of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Authority(folder)
    _certificates(folder, name)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(POLICY.format(folder=folder))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            if running.lie == "down":
                self.connection.close()
                return
            if running.lie == "waits":
                time.sleep(2)
                return
            if running.lie in HEADS:
                head = HEADS[running.lie]
                self.wfile.write(head)
                self._drip(b"x" * 100)
                return
            body = b"nothing" if running.lie == "garbage" else running.answer(request)
            self.send_response(500 if running.lie == "refuses" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if running.lie == "drips":
                self._drip(body[:200])
                return
            self.wfile.write(body)

        def _drip(self, data: bytes) -> None:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.url = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificates(folder: Path, name: str) -> None:
    keys = [rsa.generate_private_key(65537, 2048) for _ in range(3)]
    names = [_named(f"{name} {each}") for each in ("root", "between", "unit")]
    signers = [(names[0], keys[0]), (names[0], keys[0]), (names[1], keys[1])]
    made = []
    for place, (key, own, (issuer, by)) in enumerate(zip(keys, names, signers, strict=True)):
        is_authority = place < 2
        builder = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - DAYS)
            .not_valid_after(datetime.now(UTC) + DAYS)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
            )
            .add_extension(_usage(is_authority), critical=True)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(purpose, critical=True)
        made.append(builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "root.pem").write_bytes(made[0])
    (folder / "chain.pem").write_bytes(made[1] + made[0])
    (folder / "tsa.pem").write_bytes(made[2])
    (folder / "tsa.key").write_bytes(
        keys[2].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=not is_authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
