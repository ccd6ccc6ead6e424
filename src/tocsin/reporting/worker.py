"""The loop of the reporting worker: recover, ask the hub what is due, file it, and again."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tocsin.exchange.cybertip import schema as schemas
from tocsin.exchange.cybertip.client import CyberTip
from tocsin.exchange.cybertip.schema import Schema, SchemaError
from tocsin.reporting.desk import DeskError, SupersededError
from tocsin.reporting.filing import Filing

_log = logging.getLogger(__name__)
POLL_S: Final = 20.0


@dataclass(slots=True)
class Worker:
    """Runs a :class:`Filing`. What cannot be done now is logged with one sentence and done in a later round."""

    filing: Filing

    def round(self) -> int:
        """Go once over everything that is due; return how many reports were worked on."""
        done = 0
        try:
            self._recover()
            due = self.filing.desk.queue(self.filing.journal.id, self.filing.environment)
        except DeskError as error:
            _log.warning("%s Trying again.", error)
            return 0
        for item in due:
            try:
                step = self.filing.do(item)
                done += 1
                _log.info("Report R-%s: %s", item.get("number"), step)
            except SupersededError as error:
                _log.warning("Report R-%s: %s", item.get("number"), error)
            except DeskError as error:
                _log.warning("Report R-%s: %s Trying again.", item.get("number"), error)
        return done

    def _recover(self) -> None:
        try:
            self.filing.recover()
        except DeskError as error:
            _log.warning("An earlier attempt is not settled yet. %s", error)

    def run(self, stop: Callable[[float], bool]) -> None:
        """Go round until ``stop(seconds)``, which waits that long, says so."""
        while True:
            worked = self.round()
            if stop(1.0 if worked else POLL_S):
                return


def schema_of(service: CyberTip, kept: Path) -> Schema:
    """Return the service's schema of record: fetched now, or the kept one if it cannot be. Raises SchemaError."""
    try:
        return schemas.keep(kept, service.xsd())
    except OSError as error:
        if kept.is_file():
            _log.warning("%s The one kept from before is used.", error)
            return schemas.load(kept)
        raise SchemaError(f"{error} Without it nothing is sent.") from error
