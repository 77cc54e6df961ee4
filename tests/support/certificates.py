# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by the openssl command."""
import base64
import ssl
import subprocess

PASSWORD = "open sesame"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def make_authority(folder, name):
    openssl("req", "-x509", *KEY, "-days", "2", "-subj", "/CN=Tests", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", cwd=folder)


def make_certificate(folder, name, authority):
    openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            cwd=folder)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey",
            f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out",
            f"{name}.pem", cwd=folder)


def make(folder):
    """An authority, a certificate of a server and one of a client, and a sealed key; gives the folder."""
    make_authority(folder, "ca")
    for name in ("server", "client"):
        make_certificate(folder, name, "ca")
    openssl("ec", "-aes256", "-passout", "pass:" + PASSWORD, "-in", "server.key", "-out",
            "sealed.key", cwd=folder)
    return folder


class Certificates:
    """The same and more: a stranger of another authority, the client's key sealed, a keystore."""

    def __init__(self, folder):
        self.folder = make(folder)
        make_authority(folder, "other-ca")
        make_certificate(folder, "stranger", "other-ca")
        openssl("pkcs8", "-topk8", "-in", "client.key", "-out", "sealed-client.key", "-passout",
                "pass:" + PASSWORD, cwd=folder)
        openssl("pkcs12", "-export", "-in", "client.pem", "-inkey", "client.key", "-out",
                "client.p12", "-passout", "pass:" + PASSWORD, cwd=folder)

    def text(self, name):
        return (self.folder / name).read_text()

    def base64(self, name):
        return base64.b64encode((self.folder / name).read_bytes()).decode()

    def context(self, wants_client=False):
        """What the server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        if wants_client:
            context.load_verify_locations(self.folder / "ca.pem")
            context.verify_mode = ssl.CERT_REQUIRED
        return context
