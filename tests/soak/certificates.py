"""Certificates, good and bad, made by openssl(1)."""

import contextlib
import dataclasses
import datetime
import os
import pathlib
import subprocess

from measure import BenchError

OPENSSL_DEADLINE_S = 60
EC_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
WEAK_KEY = ("rsa:1024",)

_CONFIG = """\
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca-key.pem
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
"""


@dataclasses.dataclass
class Pair:
    """A certificate and its key, as files."""

    cert: pathlib.Path
    key: pathlib.Path


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                          timeout=OPENSSL_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise BenchError(f"openssl {arguments[0]}: {done.stderr.strip()[-300:]}")


def self_signed(folder, name, extensions, key=EC_KEY):
    pair = Pair(pathlib.Path(folder) / f"{name}.pem", pathlib.Path(folder) / f"{name}-key.pem")
    added = [part for extension in extensions for part in ("-addext", extension)]
    openssl("req", "-x509", "-newkey", *key, "-nodes", "-keyout", pair.key, "-out", pair.cert,
            "-days", "3650", "-subj", f"/CN={name}", *added)
    return pair


class Authority:
    """A certificate authority in a folder of its own.  `pair`: of whoever is to act as one."""

    def __init__(self, folder, name, pair=None):
        self._folder = pathlib.Path(folder) / name
        self._folder.mkdir()
        (self._folder / "index.txt").touch()
        (self._folder / "serial").write_text("1000\n")
        self._config = self._folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=self._folder))
        self.cert = self._folder / "ca.pem"
        if pair:
            self.cert.write_bytes(pair.cert.read_bytes())
            put_secret(self._folder / "ca-key.pem", pair.key.read_text())
        else:
            made = self_signed(self._folder, name, ["keyUsage=critical,keyCertSign,cRLSign"])
            made.cert.rename(self.cert)
            made.key.rename(self._folder / "ca-key.pem")

    def issue(self, name, san="", purpose="", begins_days=-1.0, ends_days=365.0, key=EC_KEY,
              common_name=None):
        """`san`, `purpose`: as openssl.cnf has them, as DNS:a,IP:127.0.0.1 and serverAuth."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}-key.pem")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        lines = ["basicConstraints=critical,CA:FALSE"]
        lines += [f"subjectAltName={san}"] if san else []
        lines += [f"extendedKeyUsage={purpose}"] if purpose else []
        extensions.write_text("\n".join(lines) + "\n")
        openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", pair.key, "-out", request,
                "-subj", f"/CN={common_name or name}")
        openssl("ca", "-batch", "-notext", "-config", self._config, "-in", request,
                "-out", pair.cert, "-extfile", extensions,
                "-startdate", asn1_time(begins_days), "-enddate", asn1_time(ends_days))
        return pair

    def revoke(self, pair):
        openssl("ca", "-config", self._config, "-revoke", pair.cert)

    def revocation_list(self):
        """PEM text."""
        path = self._folder / "crl.pem"
        openssl("ca", "-config", self._config, "-gencrl", "-out", path)
        return path.read_text()


def asn1_time(days_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days_from_now)
    return moment.strftime("%Y%m%d%H%M%SZ")


def put_secret(path, text):
    """Replaces the file as a whole, readable by its owner alone."""
    path = pathlib.Path(path)
    fresh = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.rename(path)
