"""A TLS front for the server's plain port, for clients that know nothing but https.

Prints its own port, then serves until its standard input ends.
"""

import datetime
import os
import pathlib
import socket
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate():
    """A certificate of this run alone, with its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + secret


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "localhost.pem")
    path.write_bytes(certificate())
    context.load_cert_chain(path)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(accepted):
    try:
        secure = context.wrap_socket(accepted, server_side=True)
        plain = socket.create_connection(("127.0.0.1", int(os.environ["SEXTANT_API_PORT"])))
    except OSError:
        return
    threading.Thread(target=pump, args=(secure, plain), daemon=True).start()
    pump(plain, secure)


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
threading.Thread(target=accept, args=(listener,), daemon=True).start()
sys.stdin.read()
