# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by the openssl command."""
import subprocess


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def make(folder):
    """An authority, a certificate of a server and one of a client, and a sealed key; gives the folder."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=Tests", "-keyout", "ca.key", "-out", "ca.pem", cwd=folder)
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=folder)
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{name}.pem",
                cwd=folder)
    openssl("ec", "-aes256", "-passout", "pass:open sesame", "-in", "server.key", "-out",
            "sealed.key", cwd=folder)
    return folder
