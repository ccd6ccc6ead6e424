"""What a platform's own system says when it asks for a report: the one shape, for its gateway and for the hub.

It is a part of the facts (facts.py) and no more. Annotations, an escalation, a classification and that a file was
viewed come from people; they have no place here, and a request that carries them is refused.
"""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tocsin.exchange.cybertip.words import EventName, IncidentType

PERSONS_OWN: Final = frozenset(
    {
        "fileViewedByEsp",
        "exifViewedByEsp",
        "viewed",
        "exif_viewed",
        "annotations",
        "reportAnnotations",
        "fileAnnotations",
        "escalate",
        "escalateToHighPriority",
        "classification",
        "industryClassification",
    }
)
"""Names of what only a person says, by a look or a choice in the console."""


def _visible(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("a name is made of visible letters")
    return value


Name = Annotated[str, Field(max_length=200), AfterValidator(_visible)]
Id = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_visible)]
Url = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_visible)]


class AskedEmail(BaseModel):
    """An e-mail address of the account."""

    model_config = ConfigDict(extra="forbid")
    address: Annotated[str, Field(min_length=3, max_length=254), AfterValidator(_visible)]
    verified: bool | None = None


class AskedIpEvent(BaseModel):
    """An address of the internet, and what was done from it when."""

    model_config = ConfigDict(extra="forbid")
    address: Annotated[str, Field(min_length=2, max_length=45), AfterValidator(_visible)]
    event: EventName | None = None
    at: AwareDatetime | None = None
    possible_proxy: bool | None = None
    port: Annotated[int, Field(ge=0, le=65535)] | None = None


class AskedAccount(BaseModel):
    """The account, as the platform knows it. ``identifier`` is the platform's own opaque id."""

    model_config = ConfigDict(extra="forbid")
    identifier: Id
    service: Name = ""
    screen_name: Name = ""
    display_names: Annotated[list[Name], Field(max_length=10)] = []
    profile_urls: Annotated[list[Url], Field(max_length=10)] = []
    emails: Annotated[list[AskedEmail], Field(max_length=10)] = []
    ip_events: Annotated[list[AskedIpEvent], Field(max_length=100)] = []


class Asked(BaseModel):
    """A request for a report about one finding, or about one alert, of one account.

    ``key`` is the caller's own: the same request under the same key makes one report, however often it is sent.
    """

    model_config = ConfigDict(extra="forbid")
    key: Annotated[Id, Field(examples=["case-4711"])]
    finding: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9._-]+$")] | None = None
    alert: Annotated[str, Field(min_length=1, max_length=32, pattern="^[A-Za-z0-9]+$")] | None = None
    incident_type: IncidentType
    incident_at: AwareDatetime
    account: AskedAccount
    urls: Annotated[list[Url], Field(max_length=20)] = []
    additional: Annotated[str, Field(max_length=5000)] = ""

    @model_validator(mode="after")
    def _of_one(self) -> "Asked":
        if (self.finding is None) == (self.alert is None):
            raise ValueError("either a finding or an alert is named")
        return self

    def facts(self) -> dict[str, Any]:
        """Return what it says as the facts of a report, in JSON."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        account = told["account"]
        emails = account.pop("emails", [])
        reported = account | ({"person": {"emails": emails}} if emails else {})
        where = [{"web": {"urls": told["urls"]}}] if "urls" in told else []
        return {
            "incident_type": told["incident_type"],
            "incident_at": told["incident_at"],
            "reported": [reported],
            "where": where,
            "additional": told.get("additional", ""),
        }


def persons_own(raw: Any) -> str:
    """Return the first name in a request that only a person may say, at any depth; "" where there is none."""
    waiting = [raw]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if found := sorted(PERSONS_OWN.intersection(one)):
                return str(found[0])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return ""
