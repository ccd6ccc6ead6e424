"""The exact strings that CyberTipline reports use. They are NCMEC's; a letter more or less fails validation."""

from typing import Final, Literal, get_args

IncidentType = Literal[
    "Child Pornography (possession, manufacture, and distribution)",
    "Child Sex Trafficking",
    "Child Sex Tourism",
    "Child Sexual Molestation",
    "Misleading Domain Name",
    "Misleading Words or Digital Images on the Internet",
    "Online Enticement of Children for Sexual Acts",
    "Unsolicited Obscene Material Sent to a Child",
]
ReportAnnotation = Literal[
    "sextortion", "csamSolicitation", "minorToMinorInteraction", "spam", "sadisticOnlineExploitation"
]
FileAnnotation = Literal[
    "animeDrawingVirtualHentai",
    "potentialMeme",
    "viral",
    "possibleSelfProduction",
    "physicalHarm",
    "violenceGore",
    "bestiality",
    "liveStreaming",
    "infant",
    "generativeAi",
]
Classification = Literal["A1", "A2", "B1", "B2"]
Relevance = Literal["Reported", "Supplemental Reported"]
EventName = Literal["Login", "Registration", "Purchase", "Upload", "Other", "Unknown"]
AddressType = Literal["Home", "Business", "Billing", "Shipping", "Technical"]
EmailType = Literal["Home", "Work", "Business", "Recovery"]
PhoneType = Literal["Mobile", "Home", "Business", "Work", "Fax", "Internet", "Recovery"]
AccountType = Literal["Billing", "Linked", "Business", "Creator", "Parent/Guardian", "Other"]
DetailType = Literal["EXIF", "HASH"]

INCIDENT_TYPES: Final[tuple[str, ...]] = get_args(IncidentType)
REPORT_ANNOTATIONS: Final[tuple[str, ...]] = get_args(ReportAnnotation)
FILE_ANNOTATIONS: Final[tuple[str, ...]] = get_args(FileAnnotation)
CLASSIFICATIONS: Final[tuple[str, ...]] = get_args(Classification)
EVENT_NAMES: Final[tuple[str, ...]] = get_args(EventName)

ESCALATION_LONGEST: Final = 3000
"""Characters that the reason for an escalation may have (Coop's limit; NCMEC's schema sets none)."""
