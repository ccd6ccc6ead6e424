"""The kinds of exchange that can be read, listed by hand: what each must be told, and how its source is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tocsin.exchange.calling import checked_base
from tocsin.exchange.files import TYPES, WholeFile, fetched_from
from tocsin.exchange.ncmec import ENVIRONMENTS, NCMEC
from tocsin.exchange.pages import Refused as ExchangeRefused
from tocsin.exchange.pages import Source
from tocsin.exchange.stopncii import StopNCII
from tocsin.exchange.threatexchange import ThreatExchange
from tocsin.gateway.exchanges.guard import Guarded
from tocsin.gateway.refusals import Refused
from tocsin.matching.lists import Reading

LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to be told, as HMA's schema call describes it. ``secret`` ones are never shown again."""

    name: str
    type: str
    help: str
    required: bool = True
    default: Any = None
    choices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the field in HMA's shape."""
        return {
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "default": self.default,
            "help": self.help,
            "choices": list(self.choices) or None,
        }


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a source is made: ``trusted`` ones (added at this machine) may lie on a private network, over http too."""

    name: str
    feeds: Path
    scratch: Path
    trusted: bool

    @property
    def transport(self) -> httpx.BaseTransport:
        """What guards where connections may go."""
        return httpx.HTTPTransport(trust_env=False) if self.trusted else Guarded()


Make = Callable[[Mapping[str, Any], Mapping[str, str], Setting], Source]


@dataclass(frozen=True, slots=True)
class Api:
    """One kind of exchange. ``every_s``: how often it is read where nobody says otherwise.

    ``takes``: hashes can be given to it; ``hears``: it takes verdicts on what it gave.
    """

    name: str
    config: tuple[Field, ...]
    credentials: tuple[Field, ...]
    make: Make
    source: str
    scheme: str
    severity: int
    every_s: int
    takes: bool = False
    hears: bool = False


_BASE = Field("base_url_override", "string", "Another address of the service, for tests or a mirror.", False)
_TYPE = Field("signal_type", "enum", "What bare hashes are.", False, None, tuple(TYPES))


def _stopncii(_: Mapping[str, Any], keys: Mapping[str, str], at: Setting) -> Source:
    return StopNCII(keys, transport=at.transport)


def _ncmec(config: Mapping[str, Any], keys: Mapping[str, str], at: Setting) -> Source:
    only = frozenset(str(one) for one in config.get("only_esp_ids") or ())
    reason = str(config.get("negative_reason") or "")
    return NCMEC(keys, config["environment"], only=only, negative_reason=reason, transport=at.transport)


def _threatexchange(config: Mapping[str, Any], keys: Mapping[str, str], at: Setting) -> Source:
    return ThreatExchange(keys, str(config["privacy_group"]), transport=at.transport)


def _local_file(config: Mapping[str, Any], _: Mapping[str, str], at: Setting) -> Source:
    path = (at.feeds / config["filename"]).resolve()
    if not at.trusted and not path.is_relative_to(at.feeds.resolve()):
        raise ExchangeRefused("A file named over the API lies in the gateway's folder feeds; name it without a path.")
    return WholeFile(path, how=_how(config), signal_type=str(config.get("signal_type") or ""))


def _list_url(config: Mapping[str, Any], keys: Mapping[str, str], at: Setting) -> Source:
    login = (keys["user"], keys.get("password", "")) if keys.get("user") else None
    fetch = fetched_from(config["url"], at.transport, login)
    how, kind = _how(config), str(config.get("signal_type") or "")
    return WholeFile(at.scratch / f"{at.name}.list", how=how, signal_type=kind, fetch=fetch)


def _how(config: Mapping[str, Any]) -> Reading:
    pairs = [str(one).partition("=") for one in config.get("columns") or ()]
    kind = TYPES.get(str(config.get("signal_type") or ""), "")
    return Reading({what: name for what, _, name in pairs}, kind if kind in ("pdq", "sha256") else "")


_COLUMNS = Field("columns", "list_of_string", "CSV: which column is what, as field=title.", False)

APIS: Final[Mapping[str, Api]] = {
    one.name: one
    for one in (
        Api(
            "fb_threatexchange",
            (Field("privacy_group", "number", "The privacy group whose updates are read."),),
            (Field("api_token", "string", "The app's token, of the form APPID|SECRET."), _BASE),
            _threatexchange, "ThreatExchange", "threatexchange", 4, 300, takes=True, hears=True,
        ),
        Api(
            "list_url",
            (Field("url", "string", "Where the whole list lies: CSV, VICS JSON, text."), _TYPE, _COLUMNS),
            (
                Field("user", "string", "For HTTP Basic.", False),
                Field("password", "string", "For HTTP Basic.", False),
            ),
            _list_url, "", "", 4, 3600,
        ),
        Api(
            "local_file",
            (Field("filename", "string", "A file in the folder feeds: CSV, VICS JSON, text."), _TYPE, _COLUMNS),
            (),
            _local_file, "", "", 4, 60,
        ),
        Api(
            "ncmec",
            (
                Field("environment", "enum", "Which of NCMEC's databases.", True, None, tuple(ENVIRONMENTS)),
                Field("only_esp_ids", "set_of_number", "Only entries of these members.", False),
                Field("negative_reason", "string", "The reason given with negative verdicts: name or guid.", False),
            ),
            (Field("user", "string", "The user."), Field("password", "string", "The password."), _BASE),
            _ncmec, "NCMEC", "ncmec", 5, 600, hears=True,
        ),
        Api(
            "stop_ncii",
            (),
            (
                Field("fetch_function_key", "string", "The key of FetchHashes."),
                Field("subscription_key", "string", "The subscription's key."),
                Field("feedback_function_key", "string", "The key of SubmitFeedback, for verdicts.", False),
                Field("submit_function_key", "string", "The key of SubmitHashes.", False),
                _BASE,
            ),
            _stopncii, "StopNCII", "stopncii", 2, 300, takes=True, hears=True,
        ),
    )
}  # fmt: skip
"""Every kind, by the name that HMA gives it; ``list_url`` is ours."""


def api_named(name: str) -> Api:
    """Return a kind of exchange. Raises Refused (404)."""
    if name not in APIS:
        raise Refused(404, f"There is no exchange api {name[:40]!r}; there are: {', '.join(APIS)}.")
    return APIS[name]


def checked(fields: tuple[Field, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was told, checked against the fields. Raises Refused (400) naming the field, never its value."""
    known = {field.name: field for field in fields}
    if unknown := sorted(set(given) - set(known)):
        raise Refused(400, f"There is no field {unknown[0][:60]!r}; there are: {', '.join(known) or 'none'}.")
    held: dict[str, Any] = {}
    for field in fields:
        value = given.get(field.name)
        if value in (None, "", [], ()):
            if field.required:
                raise Refused(400, f"The field {field.name} is needed: {field.help}")
            continue
        held[field.name] = _typed(field, value)
    return held


def _typed(field: Field, value: Any) -> Any:
    kind = field.type
    if kind == "string" and isinstance(value, str) and len(value) <= LONGEST and value.isprintable():
        if field is _BASE:
            try:
                return checked_base(value)
            except ExchangeRefused as error:
                raise Refused(400, str(error)) from error
        return value
    if kind == "enum" and value in field.choices:
        return value
    if kind == "number" and (type(value) is int or (isinstance(value, str) and value.isdigit())):
        return int(str(value)[:20])
    numbers = isinstance(value, list | tuple | set) and all(str(one).isdigit() for one in value)
    if kind == "set_of_number" and numbers and len(value) <= LONGEST:
        return sorted({int(str(one)[:20]) for one in value})
    if kind == "list_of_string" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return [one[:LONGEST] for one in value[:100]]
    choices = f" one of: {', '.join(field.choices)}" if field.choices else f" a {kind.replace('_', ' ')}"
    raise Refused(400, f"The field {field.name} must be{choices}.")
