"""The parts of exchanging, put together: what is read from others, what is told them, and what is shared with them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.gateway.exchanges.apis import APIS
from tocsin.gateway.exchanges.disabled import DisabledHere
from tocsin.gateway.exchanges.keeping import Exchanges, prepare
from tocsin.gateway.exchanges.ledger import Ledger
from tocsin.gateway.exchanges.partners import Partners
from tocsin.gateway.exchanges.pushes import Pushes
from tocsin.gateway.exchanges.schedule import Schedule
from tocsin.gateway.exchanges.sharing import Sharing
from tocsin.gateway.exchanges.verdicts import Verdicts
from tocsin.gateway.refusals import Refused
from tocsin.gateway.settings import Settings
from tocsin.gateway.store import Store


@dataclass(slots=True, kw_only=True)
class Desk:
    """Everything about exchanges; one, in the core process."""

    exchanges: Exchanges
    verdicts: Verdicts
    ledger: Ledger
    partners: Partners
    sharing: Sharing
    pushes: Pushes
    schedule: Schedule

    @staticmethod
    def open(settings: Settings, store: Store, folder_of: Callable[[str], Path]) -> "Desk":
        """Put the parts together. ``folder_of`` returns a bank's folder, or raises Refused (404)."""

        def there(bank: str) -> Path | None:
            try:
                folder = folder_of(bank)
            except Refused:
                return None
            return folder if (folder / "list.yaml").is_file() else None

        def inbox(bank: str) -> Path:
            folder = folder_of(bank)
            prepare(folder, bank, APIS["stop_ncii"])
            return folder

        exchanges = Exchanges(settings, store)
        verdicts = Verdicts(exchanges, store, settings.clock)
        disabled = DisabledHere(store, settings.clock)
        path = settings.data / "exchanges" / "ledger.db"
        ledger = Ledger(path, lambda: settings.clock.now().timestamp(), disabled.of)
        partners = Partners(store, ledger, settings.clock, there)
        sharing = Sharing(ledger, partners, exchanges.secret, inbox, lambda: settings.clock.now().timestamp())
        pushes = Pushes(exchanges, ledger, store, settings.clock, there)
        return Desk(
            exchanges=exchanges,
            verdicts=verdicts,
            ledger=ledger,
            partners=partners,
            sharing=sharing,
            pushes=pushes,
            schedule=Schedule(exchanges, verdicts, store, settings.clock, sharing.keep_up, pushes),
        )

    def remove(self, name: str) -> None:
        """Forget an exchange, and what was given to it. Raises Refused: 403 while a bank is given to it."""
        self.exchanges.get(name)
        self.pushes.forget(name)
        self.exchanges.remove(name)

    def status(self, name: str) -> dict[str, Any]:
        """Return how reading an exchange and giving to it are doing. Raises Refused (404)."""
        return {**self.exchanges.status(name), "pushes": self.pushes.status(name)}

    def close(self) -> None:
        """Let go of everything."""
        self.ledger.close()
