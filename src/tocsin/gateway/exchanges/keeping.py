"""Exchanges as the operator keeps them: made, paused, removed; their credentials sealed; their state told."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.evidence.keys import read_bounded
from tocsin.exchange.pages import ExchangeError, Source
from tocsin.exchange.pages import Refused as ExchangeRefused
from tocsin.gateway.banks_tables import Bank
from tocsin.gateway.exchanges.apis import APIS, Api, Setting, api_named, checked
from tocsin.gateway.exchanges.running import Outcome, Progress, Run
from tocsin.gateway.exchanges.secret import GatewaySecret
from tocsin.gateway.exchanges.tables import ApiCredential, Exchange, FeedbackSwitch, Verdict
from tocsin.gateway.refusals import Refused
from tocsin.gateway.settings import Settings
from tocsin.gateway.store import Store
from tocsin.matching.lists import HashList, ListError, Terms
from tocsin.matching.lists import folder as folders
from tocsin.matching.lists.folder import MANIFEST, State
from tocsin.placement.platform import alone

NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,199}", re.ASCII)
SHORTEST_S: Final = 10
LONGEST_S: Final = 7 * 86_400
_MOST_CREDENTIALS = 65_536
_HUB_NAME: Final = 64
"""Letters of a list's name that the hub keeps."""


class Exchanges:
    """All exchanges of a gateway, over its store."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self.secret = GatewaySecret.load_or_create(settings.keys / "exchange.key")

    @property
    def scratch(self) -> Path:
        """Where half-read things and left-out records lie."""
        return self._settings.data / "exchanges"

    @property
    def feeds(self) -> Path:
        """Where files lie that exchanges added over the API may read."""
        return self._settings.data / "feeds"

    def names(self) -> list[str]:
        """Return the names of all exchanges."""
        with self._store.reading() as session:
            return list(session.scalars(select(Exchange.name).order_by(Exchange.name)))

    def get(self, name: str) -> Exchange:
        """Return an exchange. Raises Refused (404)."""
        with self._store.reading() as session:
            return _found(session, name)

    def create(
        self,
        name: str,
        api: str,
        config: Mapping[str, Any],
        *,
        trusted: bool = False,
        interval_s: int = 0,
        credentials_file: str = "",
    ) -> None:
        """Make an exchange and the bank of the same name that it feeds. Raises Refused."""
        if api not in APIS:
            raise Refused(400, f"There is no exchange api {api[:40]!r}; there are: {', '.join(APIS)}.")
        kind = APIS[api]
        if not NAME.fullmatch(name):
            raise Refused(400, "A bank's name has capitals, digits and underscores, and begins with no digit.")
        held = checked(kind.config, config)
        if not trusted:
            self._on_a_short_lead(held)
        now = self._settings.clock.now()
        with self._store.session() as session:
            if session.get(Exchange, name) is not None:
                raise Refused(403, f"There is an exchange named {name} already.")
            bank = session.scalars(select(Bank).where(Bank.name == name)).one_or_none()
            if bank is not None and bank.exchange != name:
                raise Refused(403, f"There is a bank named {name} already, with content of its own.")
            if bank is None:
                # a folder of its own each time: what an exchange of that name left before is not taken for its own
                folder = f"exchange-{name.lower()}-{secrets.token_hex(4)}"
                bank = Bank(name=name, folder=folder, labels=["exchange"], exchange=name, created_at=now)
                bank.scheme, bank.source, bank.severity = kind.scheme, kind.source, kind.severity
                session.add(bank)
            session.add(
                Exchange(
                    name=name,
                    api=api,
                    config=held,
                    trusted=trusted,
                    interval_s=_bounded(interval_s or kind.every_s),
                    credentials_file=credentials_file,
                    due_at=now,
                    counts={},
                )
            )
            folder_path = self._settings.banks / bank.folder
        prepare(folder_path, name, kind)

    def _on_a_short_lead(self, config: Mapping[str, Any]) -> None:
        """Refuse at once what an exchange added over the API could never read. Raises Refused."""
        if not str(config.get("url", "https://")).startswith("https://"):
            raise Refused(400, "A list's address begins with https://, unless it is added at this machine.")
        feeds = self.feeds.resolve()
        if not (feeds / str(config.get("filename", ""))).resolve().is_relative_to(feeds):
            raise Refused(400, "A file named over the API lies in the gateway's folder feeds; name it without a path.")

    def change(self, name: str, *, enabled: bool | None = None, interval_s: int | None = None) -> Exchange:
        """Pause, resume or re-time an exchange. Raises Refused (404)."""
        with self._store.session() as session:
            row = _found(session, name)
            if enabled is not None:
                if enabled and not row.enabled:
                    row.due_at = self._settings.clock.now()
                row.enabled = enabled
            if interval_s is not None:
                row.interval_s = _bounded(interval_s)
            return row

    def read_now(self, name: str) -> None:
        """Make an exchange due. Raises Refused: 404 unknown, 409 paused."""
        with self._store.session() as session:
            row = _found(session, name)
            if not row.enabled:
                raise Refused(409, f"The exchange {name} is paused; enable it, then it is read.")
            row.due_at = self._settings.clock.now()

    def allow_shrink(self, name: str) -> None:
        """Let the next complete reading withdraw as much as it says, once. Raises Refused (404)."""
        with self._store.session() as session:
            _found(session, name).allow_shrink = True

    def feedback(self, name: str, on: bool) -> None:
        """Tell the exchange, or no longer, what people decide at the hub from now on. Raises Refused (404, 403)."""
        with self._store.session() as session:
            row = _found(session, name)
            if on and not APIS[row.api].hears:
                raise Refused(403, f"An exchange of the kind {row.api} takes no verdicts.")
            held = session.get(FeedbackSwitch, name)
            if on and held is None:
                session.add(FeedbackSwitch(exchange=name, since=self._settings.clock.now()))
            elif not on and held is not None:
                session.delete(held)

    def told(self) -> dict[str, tuple[str, datetime]]:
        """Return the exchanges that are told the hub's decisions, by the list name the hub has, since when."""
        chosen = select(Bank.name, FeedbackSwitch.exchange, FeedbackSwitch.since).join(
            Bank, Bank.exchange == FeedbackSwitch.exchange
        )
        with self._store.reading() as session:
            return {bank[:_HUB_NAME]: (name, since) for bank, name, since in session.execute(chosen)}

    def remove(self, name: str) -> None:
        """Forget an exchange and where it was; its bank stays until it is removed itself. Raises Refused (404)."""
        with self._store.session() as session:
            session.delete(_found(session, name))
            if (switch := session.get(FeedbackSwitch, name)) is not None:
                session.delete(switch)
            bank = session.scalars(select(Bank).where(Bank.exchange == name)).one_or_none()
            if bank is not None:
                bank.exchange = ""
        for path in self.scratch.glob(f"{name}.*"):
            path.unlink(missing_ok=True)

    def set_credentials(self, api: str, given: Mapping[str, Any], *, trusted: bool = False) -> None:
        """Seal an api's credentials; an empty object forgets them. Raises Refused."""
        kind = api_named(api)
        held = checked(kind.credentials, given) if given else {}
        if not trusted and held.get("base_url_override", "https:")[:6] != "https:":
            raise Refused(400, "An exchange's address begins with https://, unless it is added at this machine.")
        with self._store.session() as session:
            row = session.get(ApiCredential, api)
            if row is not None:
                session.delete(row)
                session.flush()
            if held:
                session.add(ApiCredential(api=api, sealed=self.secret.seal(held)))

    def has_credentials(self, api: str) -> bool:
        """Tell whether an api's credentials are set."""
        with self._store.reading() as session:
            return session.get(ApiCredential, api) is not None

    def source(self, row: Exchange) -> Source:
        """Return what reads an exchange. Raises ExchangeError."""
        kind = APIS[row.api]
        return kind.make(
            row.config, self._credentials(row, kind), Setting(row.name, self.feeds, self.scratch, row.trusted)
        )

    def _credentials(self, row: Exchange, kind: Api) -> dict[str, str]:
        if not kind.credentials:
            return {}
        if row.credentials_file:
            return _from_file(Path(row.credentials_file), kind)
        with self._store.reading() as session:
            sealed = session.get(ApiCredential, row.api)
        if sealed is None:
            if any(field.required for field in kind.credentials):
                raise ExchangeRefused(f"No credentials are set for {row.api}; set them before it can be read.")
            return {}
        try:
            return self.secret.open(sealed.sealed)
        except ValueError as error:
            raise ExchangeRefused(str(error)) from error

    def folder(self, name: str) -> Path:
        """Return the folder of the bank that an exchange feeds. Raises Refused (404)."""
        with self._store.reading() as session:
            bank = session.scalars(select(Bank).where(Bank.exchange == name)).one_or_none()
        if bank is None:
            raise Refused(404, f"The bank {name} of this exchange was removed; remove the exchange too.")
        return self._settings.banks / bank.folder

    def run(
        self,
        name: str,
        *,
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Progress], None] = lambda _: None,
        source: Source | None = None,
    ) -> Outcome:
        """Read an exchange now, whatever its schedule. Raises Refused (404) for one that is not there."""
        row = self.get(name)
        try:
            folder = self.folder(name)
            prepare(folder, name, APIS[row.api])
            source = source or self.source(row)
        except (ExchangeError, Refused, OSError) as error:
            return self._cannot(name, str(error))
        try:
            with alone(self.scratch / f"{name}.lock") as mine:
                if not mine:
                    return Outcome(False, Progress(), f"{name} is being read already.")
                run = Run(self._store, name, folder, source, self.scratch, self._settings.clock, stop, told)
                return run.run()
        finally:
            source.close()

    def _cannot(self, name: str, message: str) -> Outcome:
        with self._store.session() as session:
            row = _found(session, name)
            row.succeeded, row.up_to_date, row.message = False, False, message[:500]
            row.failures += 1
        return Outcome(False, Progress(), message)

    def status(self, name: str) -> dict[str, Any]:
        """Return an exchange's state in HMA's words, and in ours. Raises Refused (404)."""
        with self._store.reading() as session:
            row = _found(session, name)
            waiting = session.scalars(select(Verdict.id).where(Verdict.exchange == name, Verdict.state == "waiting"))
            verdicts = len(list(waiting))
            feedback = session.get(FeedbackSwitch, name) is not None
        late = self._settings.clock.now() - (row.completed_at or row.due_at) > timedelta(seconds=3 * row.interval_s)
        return {
            "checkpoint_ts": _seconds(row.checkpoint_at),
            "running_fetch_start_ts": _seconds(row.running_since),
            "last_fetch_complete_ts": _seconds(row.completed_at),
            "last_fetch_succeeded": row.succeeded,
            "up_to_date": bool(row.up_to_date and row.completed_at and not late),
            "fetched_items": self._entries(name),
            "message": row.message,
            "failures": row.failures,
            "last_fetch": row.counts,
            "verdicts_waiting": verdicts,
            "hub_feedback": feedback,
        }

    def _entries(self, name: str) -> int:
        try:
            return HashList.open(self.folder(name)).view.entries
        except (ListError, Refused):
            return 0


def prepare(folder: Path, name: str, kind: Api) -> None:
    """Make the bank's list, empty, where it is not there yet: an exchange's first page may hold only withdrawals."""
    if (folder / MANIFEST).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folders.write_state(folder, State(version=0))
    terms = Terms(
        name=name,
        source=kind.source,
        scheme=kind.scheme,
        severity=kind.severity,
        may_export=False,
        terms="As agreed with the exchange; not to be passed on.",
    )
    folders.write_terms(folder, terms)


def _from_file(path: Path, kind: Api) -> dict[str, str]:
    """Read credentials from a file of JSON, which only its owner may read. Raises ExchangeRefused."""
    try:
        if path.stat().st_mode & 0o077:
            raise ExchangeRefused("The file with the credentials can be read by others; make it yours: chmod 600.")
        given = json.loads(read_bounded(path, _MOST_CREDENTIALS))
        held = checked(kind.credentials, given if isinstance(given, dict) else {})
        return {name: str(value) for name, value in held.items()}
    except (OSError, ValueError, TypeError, RecursionError, Refused) as error:
        said = str(error) if isinstance(error, Refused) else "It must be JSON with the fields of this api."
        raise ExchangeRefused(f"The file with the credentials cannot be used. {said}") from error


def _found(session: Session, name: str) -> Exchange:
    row = session.get(Exchange, name)
    if row is None:
        raise Refused(404, f"There is no exchange named {name[:80]}.")
    return row


def _bounded(seconds: int) -> int:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise Refused(400, f"An exchange is read every {SHORTEST_S} seconds to every 7 days.")
    return seconds


def _seconds(when: datetime | None) -> int | None:
    return int(when.timestamp()) if when else None
