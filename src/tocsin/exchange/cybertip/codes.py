"""The codes of countries and of United States' states that NCMEC's schema lists, and the error for what is none."""

from typing import Final

COUNTRIES: Final = frozenset(
    """
    A1 A2 O1 AD AE AF AG AI AL AM AN AO AP AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CX CW CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET
    EU FI FJ FK FM FO FR FX GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM
    IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF
    MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK
    PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD
    TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a list of 257 codes is read as one text
)
"""Two letters each; A1 is a proxy that hides who uses it, A2 a satellite, O1 another country."""

US_STATES: Final = frozenset(
    """
    AK AL AR AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH
    OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY
    """.split()  # noqa: SIM905
)


class ReportError(ValueError):
    """Facts that cannot become a report; the message is a sentence for the person who drafts it."""


def country(code: str) -> str:
    """Return a country's code, or "" where none is said. Raises ReportError."""
    if code and code not in COUNTRIES:
        raise ReportError(f"A country is given by its two capital letters, as in PH; {code[:20]!r} is none.")
    return code


def us_state(code: str) -> str:
    """Return the code of a state of the United States, or "" where none is said. Raises ReportError."""
    if code and code not in US_STATES:
        raise ReportError(
            f"A state of the United States is given by its two capital letters, as in CA; {code[:20]!r} is none. "
            "Any other state or province has a field of its own."
        )
    return code
