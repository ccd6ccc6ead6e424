"""Matching, as HMA offers it under ``/m``: by a signal, by a URL, by an upload, raw, and many at once.

The handlers in :data:`HOT` are called without a route where nothing else is to be done (gateway/front.py).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tocsin.gateway import audit
from tocsin.gateway.access import Caller, allow, reading
from tocsin.gateway.answering import NOT_COMPARABLE, answered, comparing, flag, names, naming, whole
from tocsin.gateway.api.described import MULTIPART, described, query
from tocsin.gateway.contents import Content, by_upload, by_url, hashed, types_of
from tocsin.gateway.gateway import Gateway, of
from tocsin.gateway.lookup import Found, Question, by_type, look_up, shown
from tocsin.gateway.observing import Sighting
from tocsin.gateway.refusals import Refused
from tocsin.gateway.road import NotRecordedError
from tocsin.gateway.signals import TYPES, SignalError, SignalType, is_of, read_signal
from tocsin.gateway.turning import turns_of
from tocsin.matching.lists import ListError
from tocsin.model import utc_text
from tocsin.model.media import Fingerprints, Print

router = APIRouter(tags=["matching"])

Handler = Callable[[Gateway, Request], Awaitable[Response]]

MOST_QUERIES: Final = 1000
"""Signals that one batch may ask for."""
_RADIUS: Final = 31
_said = logging.getLogger(__name__)

_HOW = (
    query("banks", "Names joined by commas; all enabled ones without."),
    query("seed", "The same seed gives the same draw of banks that are enabled in part."),
    query("bypass_coinflip", "true: ask banks that are enabled in part whatever was drawn; never disabled ones."),
    query("dihedral", "true: compare all eight orientations."),
    query("radius", "Bits, in place of each bank's own; 0 to 64."),
    query("include_hashes", "true: with the listed hashes; needs a key good for raw."),
    query("item", "The platform's own name of the content; sealed with the evidence of a match."),
    query("account", "The platform's own name of who sent it; sealed too."),
)
_SIGNAL = (query("signal", "The hash."), query("signal_type", "Its type, such as pdq."))
_CONTENT = (
    query("url", "Where to fetch the content."),
    query("content_type", "photo or video; without, what the other server says."),
    query("types", "Signal types joined by commas."),
)


async def lookup(gateway: Gateway, request: Request) -> Response:
    """Look a signal or the content of a URL up in the banks."""
    caller = gateway.access.admit(request.scope, "lookup")
    asked = request.query_params
    if "url" in asked:
        if "signal" in asked:
            raise Refused(400, "Give either a signal or a URL, not both.")
        return await _lookup_url(gateway, request, caller)
    signal, kind = _signal(gateway, request)
    if not signal:
        _log(gateway, caller, audit.LOOKUP, kind.name, None)
        return answered({}, headers={NOT_COMPARABLE: f"{kind.name}; reason=empty"})
    question = _question(request)
    prints = _prints(signal, kind, question.dihedral)
    found = _ask(gateway, [prints], question)[0]
    found.hits = [hit for hit in found.hits if is_of(hit.match, kind)]
    told = shown(found.hits, _hashes(request, caller))
    _log(gateway, caller, audit.LOOKUP, kind.name, found)
    seen = await _observe(gateway, request, caller, found, prints, signal=signal)
    return answered(told, headers=naming(seen))


async def _lookup_url(gateway: Gateway, request: Request, caller: Caller) -> Response:
    kind = request.query_params.get("signal_type")
    given = (kind,) if kind is not None else names(request, "types")
    content = await by_url(gateway, request.query_params["url"], request.query_params.get("content_type"))
    told, headers = await _lookup_content(gateway, request, caller, content, given)
    return answered(told if kind is None else told.get(kind, {}), headers=headers)


async def lookup_upload(gateway: Gateway, request: Request) -> Response:
    """Look an uploaded photo or video up in the banks."""
    caller = gateway.access.admit(request.scope, "lookup")
    content = await by_upload(gateway, request)
    arrived = gateway.clock.now()
    told, headers = await _lookup_content(gateway, request, caller, content, names(request, "types"), arrived)
    return answered(told, headers=headers)


async def _lookup_content(
    gateway: Gateway,
    request: Request,
    caller: Caller,
    content: Content,
    given: tuple[str, ...] | None,
    arrived: datetime | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a content matches, and the headers that say what was not compared and what was recorded.

    ``arrived`` is when its upload was complete: hashing a long video may take minutes more.
    """
    question = _question(request)
    types = types_of(gateway, given, question.seed)
    made = await hashed(gateway, content, types, turns=question.dihedral)
    found = _ask(gateway, [made.prints], question)[0]
    wanted = {name: types[name] for name in made.signals if name not in made.absent}
    if made.prints.media != "video":
        found.hits = [hit for hit in found.hits if hit.match.by != "video"]
    found.hits = [hit for hit in found.hits if any(is_of(hit.match, kind) for kind in wanted.values())]
    told: dict[str, Any] = by_type(found, wanted, _hashes(request, caller))
    if made.unexamined:
        told["not_comparable"] = made.unexamined
    _log(gateway, caller, audit.LOOKUP, content.kind, found)
    seen = await _observe(gateway, request, caller, found, made.prints, content=content, arrived=arrived)
    return told, comparing(made.unexamined) | naming(seen)


async def raw_lookup(gateway: Gateway, request: Request) -> Response:
    """Look a signal up in all banks, disabled and negative ones too; what they say stands side by side."""
    caller = gateway.access.admit(request.scope, "raw")
    signal, kind = _signal(gateway, request)
    found = Found()
    if signal:
        dihedral = flag(request, "dihedral")
        radius = whole(request, "radius", 0, 64)
        question = Question(banks=names(request, "banks"), raw=True, dihedral=dihedral, radius=radius)
        found = _ask(gateway, [_prints(signal, kind, dihedral)], question)[0]
    hits = [hit for hit in found.hits if is_of(hit.match, kind)]
    _log(gateway, caller, audit.RAW_LOOKUP, kind.name, found)
    if not flag(request, "include_distance"):
        return answered({"matches": [hit.id for hit in hits]})
    told = [one | {"bank": bank} for bank, ones in shown(hits, True).items() for one in ones]
    return answered({"matches": told})


HOT: Mapping[tuple[str, str], Handler] = {
    ("GET", "/m/lookup"): lookup,
    ("POST", "/m/lookup"): lookup_upload,
    ("GET", "/m/raw_lookup"): raw_lookup,
}
"""Handlers by method and path."""


@router.get("/m/lookup", openapi_extra=described("Matches by bank", *_SIGNAL, *_CONTENT, *_HOW))
async def get_lookup(request: Request) -> Response:
    """Look a signal or the content of a URL up in the banks."""
    return await lookup(of(request), request)


@router.post("/m/lookup", openapi_extra=described("Matches by signal type and bank", _CONTENT[2], *_HOW) | MULTIPART)
async def post_lookup(request: Request) -> Response:
    """Look an uploaded photo or video up in the banks; the field's name says which it is."""
    return await lookup_upload(of(request), request)


@router.get("/m/raw_lookup", openapi_extra=described("Numbers of entries", *_SIGNAL, _HOW[0], *_HOW[3:5]))
async def get_raw_lookup(request: Request) -> Response:
    """Look a signal up in every bank, whether enabled or not."""
    return await raw_lookup(of(request), request)


@router.post("/m/lookup/batch")
async def batch(
    request: Request, caller: Annotated[Caller, Depends(allow("lookup"))], body: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Look up to 1,000 signals up at once; one that cannot be read does not stop the others.

    ``{"queries":[{"signal_type","signal"}], "banks"?, "seed"?, "bypass_coinflip"?, "dihedral"?, "radius"?}`` →
    ``{"results":[{"matches":{BANK:[…]}} or {"not_comparable":{…}} or {"error":"…"}]}`` in the same order.
    """
    gateway = of(request)
    queries = body.get("queries")
    if not isinstance(queries, list) or len(queries) > MOST_QUERIES:
        raise Refused(400, f"queries must be a list of up to {MOST_QUERIES:,} signals.")
    question = _question_of(body)
    results: list[dict[str, Any]] = [{} for _ in queries]
    asked: list[tuple[int, SignalType, str, Fingerprints]] = []
    for number, one in enumerate(queries):
        try:
            signal, kind = _read(gateway, one)
            if signal:
                asked.append((number, kind, signal, _prints(signal, kind, question.dihedral)))
            else:
                results[number] = {"not_comparable": {"reason": "empty", "sentence": "There is no hash to compare."}}
        except Refused as refused:
            results[number] = {"error": str(refused)}
    gateway.access.charge(caller, max(0, len(queries) - 1))
    found = await run_in_threadpool(_ask, gateway, [prints for *_, prints in asked], question)
    for (number, kind, signal, prints), each in zip(asked, found, strict=True):
        each.hits = [hit for hit in each.hits if is_of(hit.match, kind)]
        results[number] = {"matches": shown(each.hits)}
        _log(gateway, caller, audit.LOOKUP, kind.name, each)
        seen = await _observe(gateway, request, caller, each, prints, signal=signal)
        if isinstance(seen, str):
            results[number]["not_recorded"] = seen
        elif seen:
            results[number]["findings"] = seen
    return {"results": results}


@router.get("/m/index/status")
async def index_status(
    request: Request, _: Annotated[Caller, Depends(reading("lookup"))], signal_type: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return, for each signal type, whether there is an index, when its lists last changed, and its size."""
    gateway = of(request)
    if signal_type is not None:
        gateway.catalogue.type_named(signal_type)
    wanted = [signal_type] if signal_type is not None else list(gateway.catalogue.types())
    return {name: gateway.catalogue.index_of(TYPES[name]) for name in wanted}


@router.post("/m/compare")
async def compare(
    request: Request,
    caller: Annotated[Caller, Depends(allow("lookup"))],
    body: Annotated[dict[str, list[str]], Body(examples=[{"pdq": ["0" * 64, "f" * 64]}])],
) -> dict[str, list[Any]]:
    """Compare two signals of each type given: whether they match, and how far apart they are."""
    gateway = of(request)
    told: dict[str, list[Any]] = {}
    for name, pair in body.items():
        kind = gateway.catalogue.type_named(name)
        if len(pair) != 2:
            raise Refused(400, f"Give exactly two {name} hashes.")
        first, second = (_parsed(kind, one) for one in pair)
        told[name] = _compared(kind, first, second)
    gateway.audit.write(caller, audit.COMPARE, ",".join(told))
    return told


def _log(gateway: Gateway, caller: Caller, action: str, of_: str, found: Found | None) -> None:
    """Log a lookup: which entries of which banks it found, and no hash that was asked."""
    ids: dict[str, list[int]] = {}
    for hit in found.hits if found is not None else ():
        ids.setdefault(hit.bank.terms.name, []).append(hit.id)
    gateway.audit.looked_up(caller, action, of_, ids)


async def _observe(
    gateway: Gateway,
    request: Request,
    caller: Caller,
    found: Found,
    prints: Fingerprints,
    *,
    signal: str = "",
    content: Content | None = None,
    arrived: datetime | None = None,
) -> list[str] | str:
    """Show what matched to the road; return the ids of the findings that were recorded, or why nothing was.

    Whoever asked gets the match in any case: it may be the only one who learns of it.
    """
    if not found.hits or not (matches := found.ringing):
        return []
    asked = request.query_params
    sighting = Sighting(
        prints=prints,
        matches=matches,
        caller=caller.name,
        signal=signal,
        name=content.name if content else "",
        media_type=content.media_type if content else "",
        url=content.url if content else "",
        item=asked.get("item", "")[:500],
        account=asked.get("account", "")[:500],
        data=content.data if content else b"",
        arrived=utc_text(arrived) if arrived else "",
    )
    try:
        return await gateway.observer.see(sighting)
    except NotRecordedError as why:
        _said.error("What matched was not recorded: %s", why)
        return str(why)


def _ask(gateway: Gateway, batch_: list[Fingerprints], question: Question) -> list[Found]:
    try:
        return look_up(gateway.catalogue, batch_, question) if batch_ else []
    except ListError as error:
        raise Refused(503, f"A list cannot be searched: {error}") from error


def _signal(gateway: Gateway, request: Request) -> tuple[str, SignalType]:
    asked = request.query_params
    signal, kind = asked.get("signal"), asked.get("signal_type")
    if signal is None or not kind:
        raise Refused(400, "Give signal and signal_type, or url.")
    return signal.strip(), gateway.catalogue.type_named(kind)


def _read(gateway: Gateway, raw: Any) -> tuple[str, SignalType]:
    signal, kind = (raw.get("signal"), raw.get("signal_type")) if isinstance(raw, dict) else (None, None)
    if not isinstance(signal, str) or not isinstance(kind, str):
        raise Refused(400, "Give signal and signal_type.")
    return signal.strip(), gateway.catalogue.type_named(kind)


def _parsed(kind: SignalType, signal: str) -> Fingerprints:
    try:
        return read_signal(kind, signal)
    except SignalError as error:
        raise Refused(400, str(error)) from error


def _prints(signal: str, kind: SignalType, dihedral: bool) -> Fingerprints:
    prints = _parsed(kind, signal)
    if dihedral and kind.name == "pdq":
        turned = tuple(Print(code, 100, turn=turn) for turn, code in enumerate(turns_of(signal)))
        return Fingerprints(media="picture", prints=turned)
    return prints


def _question(request: Request) -> Question:
    asked = request.query_params
    if _ASKED.isdisjoint(asked.keys()):
        return _PLAIN
    return Question(
        banks=names(request, "banks"),
        seed=asked.get("seed"),
        bypass=flag(request, "bypass_coinflip"),
        dihedral=flag(request, "dihedral"),
        radius=whole(request, "radius", 0, 64),
    )


_PLAIN: Final = Question()
_ASKED: Final = frozenset({"banks", "seed", "bypass_coinflip", "dihedral", "radius"})


def _question_of(body: Mapping[str, Any]) -> Question:
    banks, seed, radius = body.get("banks"), body.get("seed"), body.get("radius")
    if banks is not None and not (isinstance(banks, list) and all(isinstance(one, str) for one in banks)):
        raise Refused(400, "banks must be a list of names.")
    if seed is not None and not isinstance(seed, str | int):
        raise Refused(400, "seed must be text or a number.")
    if radius is not None and (type(radius) is not int or not 0 <= radius <= 64):
        raise Refused(400, "radius must be a whole number from 0 to 64.")
    return Question(
        banks=None if banks is None else tuple(banks),
        seed=None if seed is None else str(seed),
        bypass=body.get("bypass_coinflip") is True,
        dihedral=body.get("dihedral") is True,
        radius=radius,
    )


def _hashes(request: Request, caller: Caller) -> bool:
    if "include_hashes" not in request.query_params or not flag(request, "include_hashes"):
        return False
    if not caller.may("raw"):
        raise Refused(403, f"The key {caller.name} is not good for raw, which seeing listed hashes needs.")
    return True


def _compared(kind: SignalType, first: Fingerprints, second: Fingerprints) -> list[Any]:
    if kind.name == "pdq":
        apart = (int(first.prints[0].hex, 16) ^ int(second.prints[0].hex, 16)).bit_count()
        return [apart <= _RADIUS, {"distance": apart}]
    if kind.name == "vpdq":
        from tocsin.media.vpdq import compare as shares_of

        shares = shares_of(first.frames, second.frames, _RADIUS, 0)
        told = {"query_match_percent": round(100 * shares.query), "compared_match_percent": round(100 * shares.known)}
        return [shares.query >= 0.8 or shares.known >= 0.8, {"distance": told}]
    same = getattr(first, kind.kind) == getattr(second, kind.kind)
    return [same, {"distance": 0 if same else 1}]
