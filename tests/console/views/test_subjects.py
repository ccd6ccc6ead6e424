import re


def subject_path(site, reference):
    html = site.get("ines", "/subjects").text
    return re.search(rf'href="(/subjects/\w+)">{reference}<', html).group(1)


def test_subjects_are_listed_by_reference(site, words_of):
    said = words_of(site.get("ines", "/subjects"))
    for reference in ("S-0412", "S-0377", "S-0390", "P-118"):
        assert reference in said
    assert "No subject yet" in words_of(site.get("tom", "/subjects"))


def test_a_record_opens_after_a_reason_and_not_before(site, words_of):
    path = subject_path(site, "S-0412")
    before = words_of(site.get("ines", path))
    assert "Consulting this record is logged" in before
    assert "Coverage" not in before
    assert site.post("ines", f"{path}/consult", {"reason": "short"}).status_code == 422
    assert site.post("ines", f"{path}/consult", {"reason": "Preparing a supervision visit"}).status_code == 303
    after = words_of(site.get("ines", path))
    for part in ("Coverage, last 14 days", "T20267412", "laptop D-2", "A-12", "not observed"):
        assert part in after
    assert "Consulting this record is logged" in words_of(site.get("marek", path))


def test_the_consultation_is_in_the_audit_log(site, words_of):
    site.post("ines", f"{subject_path(site, 'S-0412')}/consult", {"reason": "Preparing a supervision visit"})
    assert "Preparing a supervision visit" in words_of(site.get("ada", "/audit?action=consultation"))


def test_supervisors_put_holds_on_and_lift_them(site, words_of):
    path = subject_path(site, "S-0412")
    assert site.post("ines", f"{path}/hold", {"reason": "Appeal is pending"}).status_code == 403
    site.post("ruth", f"{path}/consult", {"reason": "Appeal is pending"})
    site.post("ruth", f"{path}/hold", {"reason": "Appeal is pending"})
    assert "legal hold" in words_of(site.get("ines", "/subjects"))
    site.post("ruth", f"{path}/hold", {"reason": "Appeal was withdrawn", "do": "release"})
    assert "legal hold" not in words_of(site.get("ines", "/subjects"))


def test_another_units_subject_does_not_exist(site):
    assert site.get("tom", subject_path(site, "S-0412")).status_code == 404
