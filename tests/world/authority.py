"""A time-stamp authority on 127.0.0.1: `openssl ts -reply` behind HTTP, which lies on demand."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificate

from presswatch_spark.legal.evidence import verify as alone
from tests.world.servers import listening

CONFIG = """
[tsa]
default_tsa = here
[here]
serial = serial
crypto_device = builtin
signer_cert = unit.pem
certs = chain.pem
signer_key = unit.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[req]
distinguished_name = no_one
[no_one]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[between]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[unit]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
HEADS = {
    "drips its head": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "drips its chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
}


@dataclass
class Authority:
    """A running authority. `lie`: what it does wrong; `asked`: the requests, `heard`: their heads."""

    folder: Path
    url: str = ""
    lie: str = ""
    asked: list[bytes] = field(default_factory=list)
    heard: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Its root certificate, as PEM."""
        return self.folder / "root.pem"

    @property
    def certificate(self) -> Certificate:
        return load_pem_x509_certificate(self.root.read_bytes())

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
        self.openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", str(reply))
        token = reply.read_bytes()
        return disordered(token) if self.lie == "disorder" else token

    def openssl(self, *words: str) -> None:
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
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG)
    _certificates(running, name)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            running.heard.append((self.path, self.headers["Authorization"]))
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

    with listening(Handler) as url:
        running.url = f"{url}/"
        yield running


def _certificates(running: Authority, name: str) -> None:
    """Write keys and certificates of a root, an intermediate and a unit, each signed by the one before."""
    for kind, issuer in (("root", ""), ("between", "root"), ("unit", "between")):
        command = f"req -x509 -newkey rsa:2048 -nodes -days 30 -config tsa.cnf -extensions {kind}".split()
        command += ["-subj", f"/CN={name} {kind}", "-keyout", f"{kind}.key", "-out", f"{kind}.pem"]
        command += ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"] if issuer else []
        running.openssl(*command)
    chain = [(running.folder / f"{kind}.pem").read_bytes() for kind in ("between", "root")]
    (running.folder / "chain.pem").write_bytes(b"".join(chain))
