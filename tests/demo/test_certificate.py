"""The throw-away certificate is for loopback and nothing else."""

from pathlib import Path

from cryptography import x509

from tocsin.demo.certificate import loopback


def test_it_names_loopback_and_its_key_is_private(tmp_path: Path) -> None:
    certificate, key = loopback(tmp_path)
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert key.stat().st_mode & 0o077 == 0
