"""Sealing without a hub: what rings is closed to the recipients that the operator names, and written to a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.evidence.sealing import Attachment, read_recipient, seal
from tocsin.model import Finding, Observation, utc_text


@dataclass(frozen=True, slots=True)
class SealedFolder:
    """A folder of age files. Raises SealingError where a recipient is none."""

    folder: Path
    recipients: tuple[str, ...]

    def __post_init__(self) -> None:
        for recipient in self.recipients:
            read_recipient(recipient)

    @property
    def records(self) -> bool:
        """A folder always records."""
        return True

    def record(
        self, finding: Finding, seen: Observation, files: Sequence[Attachment], facts: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Seal a finding with its files; return the file's name, digest and size."""
        document = {
            "finding": {
                "id": finding.id,
                "at": utc_text(finding.at),
                "detector": f"{finding.detector} {finding.version}",
                "category": finding.category,
                "severity": finding.severity,
                "confidence": finding.confidence,
                "why": finding.why,
                "refines": finding.refines,
                "signals": [signal.name for signal in finding.signals],
            },
            "facts": dict(facts),
        }
        sealed = seal(document, recipients=self.recipients, files=files)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{sealed.digest}.age"
        path.write_bytes(sealed.data)
        path.chmod(0o600)
        return {"path": str(path), "sha256": sealed.digest, "size": sealed.size, "files": len(files)}
