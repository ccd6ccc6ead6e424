import json

import jsonschema
import pytest
import yaml

from tocsin import packs
from tocsin.matching.lists.schemes import meaning_of, scheme_of, schemes, severity_of

VICS = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/UK/$metadata#Media"


def test_the_pack_fits_its_schema():
    schema = json.loads(packs.read_text("schemes.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(packs.read_text("schemes.yaml")), schema)


def test_no_name_belongs_to_two_schemes():
    names = [name for scheme in schemes() for name in scheme.names]
    assert len(names) == len(set(names))


def test_the_lists_own_table_comes_first_then_the_pack_then_the_default():
    assert severity_of("industry", "A1", {}, 3) == 5
    assert severity_of("Industry", "B2", {"B2": 2}, 3) == 2
    assert severity_of("industry", "C9", {}, 3) == 3
    assert severity_of("somebody's", "A1", {}, 3) == 3
    assert severity_of("own", "1", {"1": 0}, 3) == 0


@pytest.mark.parametrize("code", ["0", "1", "2", "5", "8"])
def test_national_numbers_mean_nothing_until_the_agency_says_so(code):
    assert scheme_of(VICS).id == "vics"
    assert severity_of(VICS, code, {}, 4) == 4
    assert severity_of(VICS, code, {code: 1}, 4) == 1
    assert meaning_of(VICS, code) == ""


def test_leads_and_known_good_are_told_apart():
    assert scheme_of("stopncii").lead
    assert severity_of("stopncii", "", {}, 5) < severity_of("industry", "A1", {}, 5)
    assert severity_of("ncmec-exploitative", "", {}, 5) < 4
    assert scheme_of("nsrl").negative
    assert scheme_of("") is None
    assert meaning_of("industry", "A1")
