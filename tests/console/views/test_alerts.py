import re

import pytest

from tocsin.hub.store.schema import Alert


def rows(answer):
    return re.findall(r'data-alert="(\w+)" data-severity="(\d)" data-status="(\w+)"', answer.text)


def alert(site, name):
    with site.hub.store.reading() as session:
        return session.get(Alert, site.seeded.alerts[name])


def test_the_newest_alert_stands_on_top(site):
    found = rows(site.get("ines", "/alerts"))
    assert len(found) == 6
    assert found[0] == (site.seeded.alerts["top"], "5", "new")


@pytest.mark.parametrize(
    ("query", "count"),
    [("show=closed", 6), ("show=mine", 0), ("sev=3", 3), ("sev=5,2", 2), ("q=A-12", 1), ("q=private+window", 1),
     ("q=S-0377", 8), ("q=D-2", 2), ("q=zebra", 0)],
)  # fmt: skip
def test_the_board_narrows(site, query, count):
    assert len(rows(site.get("ines", f"/alerts?{query}"))) == count


def test_odd_filters_do_no_harm(site):
    for query in ("show=%00", "sev=9,x,,", "q=%25%25", "q='\"<script>", "q=%F0%9F%94%94", "before=0"):
        answer = site.get("ines", f"/alerts?{query}")
        assert answer.status_code == 200
        assert "<script>" not in answer.text


def test_another_unit_sees_an_empty_board(site, words_of):
    answer = site.get("tom", "/alerts")
    assert rows(answer) == []
    assert "No alert is waiting" in words_of(answer)


def test_an_alert_cites_the_clause_and_its_exceptions_word_for_word(site, words_of):
    said = words_of(site.get("ines", site.alert("top")))
    assert "Bears on clause 3, for review." in said
    assert "“Not to have any contact or communication of any kind with any child under the age of 18" in said
    assert "with the consent of the child's parent or guardian" in said
    for part in ("stated age under 18", "Not seen", "gifts or money", "May be", "a relative or family friend"):
        assert part in said
    assert "conversation 1.2.0" in said
    assert "3 were true" in said


def test_the_words_are_asked_for_with_a_reason(site, words_of):
    page = site.get("ines", site.alert("top"))
    assert "data-items" not in page.text
    refused = site.post("ines", f"{site.alert('top')}/consult", {"reason": "x"})
    assert refused.status_code == 422
    assert "Write the reason in at least 10 characters" in words_of(refused)
    assert site.post("ines", f"{site.alert('top')}/consult", {"reason": "Triage of this alert"}).status_code == 303
    opened = site.get("ines", site.alert("top"))
    digest = re.search(r"/api/v1/evidence/(\w{64})", opened.text).group(1)
    assert site.get("ines", f"/api/v1/evidence/{digest}").content.startswith(b"age-encryption.org/v1")
    assert site.get("marek", f"/api/v1/evidence/{digest}").status_code == 403


def test_a_reason_holds_for_a_quarter_of_an_hour(site):
    site.post("ines", f"{site.alert('top')}/consult", {"reason": "Triage of this alert"})
    site.clock.forward(16 * 60)
    assert "data-items" not in site.get("ines", site.alert("top")).text


def test_what_people_do_with_an_alert(site, words_of):
    path = site.alert("top")
    assert site.post("ines", f"{path}/acknowledge").headers["location"] == f"{path}?said=acknowledged"
    assert "Ines Okafor has it" in words_of(site.get("ines", path))
    site.post("ines", f"{path}/escalate", {"reason": "Needs a second look now."})
    assert alert(site, "top").status == "escalated"
    closing = {
        "verdict": "true-but-known",
        "note": "Known to the team.",
        "category": "grooming-signal",
        "severity": "4",
    }
    site.post("ines", f"{path}/close", closing)
    shown = words_of(site.get("ines", f"{path}?said=closed"))
    assert "True, but known" in shown
    assert "severity corrected to 4" in shown
    site.post("ines", f"{path}/reopen")
    assert alert(site, "top").status == "acknowledged"
    history = words_of(site.get("ines", path))
    assert history.index("Acknowledged.") < history.index("Escalated.") < history.index("Closed: true, but known.")


def test_closing_without_a_verdict_of_the_five_is_refused(site, words_of):
    path = site.alert("top")
    answer = site.post("ines", f"{path}/close", {"verdict": "whatever", "note": "n"})
    assert answer.status_code == 422
    assert "The verdict is one of" in words_of(answer)
    assert alert(site, "top").status == "new"


def test_a_closed_alert_says_so_when_acted_on_again(site, words_of):
    answer = site.post("ines", f"{site.alert('closed-1')}/acknowledge")
    assert answer.status_code == 409
    assert "is closed; reopen it first." in words_of(answer)


def test_auditors_and_administrators_see_no_alert(site):
    for who in ("ada", "jo"):
        assert site.get(who, "/alerts").status_code == 403
        assert site.get(who, site.alert("top")).status_code == 403


def test_long_lists_come_in_pages(site):
    seeded = site.seeded
    for number in range(50):
        seeded.ring(site.hub, "laptop D-2", site.clock.now(), thread=f"{number:016x}", evidence=None)
    first = site.get("ines", "/alerts")
    assert len(rows(first)) == 50
    older = re.search(r'href="(/alerts\?[^"]*before=\d+)"', first.text).group(1)
    second = rows(site.get("ines", older.replace("&amp;", "&")))
    assert len(second) == 6
    assert not set(second) & set(rows(first))


def test_an_alert_is_given_to_a_named_colleague(site, words_of):
    path = site.alert("top")
    assert "Give it to a colleague" in words_of(site.get("ines", path))
    marek = site.seeded.people["marek"].id
    site.post("ines", f"{path}/assign", {"to": marek})
    assert alert(site, "top").assigned_to == marek
    assert site.post("ines", f"{path}/assign", {"to": "nobody"}).status_code == 422


def test_known_media_names_list_entry_and_distance_and_no_file(site, words_of) -> None:
    seed = site.seeded_module
    made = site.seeded.ring(site.hub, "desktop D-1", site.clock.now(), **seed.KNOWN, path="/home/a/b.jpg")
    page = site.get("ines", f"/alerts/{made}")
    said = words_of(page)
    assert "Known media: list Example list, 1 picture, for review" in said
    assert "On list Example list, entry lighthouse-1 , by PDQ at distance 4 of 256." in said
    assert "The list calls it harmless (own)" in said
    assert "b.jpg" not in page.text
    assert "2d2d2d" not in page.text
    near = seed.KNOWN | {"category": "near-match", "matches": [seed.LISTED | {"by": "window", "distance": 9}]}
    weaker = words_of(
        site.get("ines", f"/alerts/{site.seeded.ring(site.hub, 'desktop D-1', site.clock.now(), **near)}")
    )
    assert "Like known media: list Example list, 1 picture, for review" in weaker
    assert "This is a weaker sign" in weaker


def test_an_alert_of_a_service_speaks_of_its_uploads_and_policy_not_of_a_supervised_screen(site, words_of):
    alert = site.seeded_module.gateway(site.hub, site.seeded, site.clock.now())
    for path in (f"/alerts/{alert}", f"/review/{alert}"):
        page = words_of(site.get("ines", path))
        assert "in an upload" in page
        assert "Sealed at the gateway" in page
        main = page[page.index("A-13") :].replace("Private window", "")
        for said in ("the screen", "keyboard", "the subject", "this device", "in use", "the order names"):
            assert said not in main, (path, said)
    page = words_of(site.get("ines", f"/alerts/{alert}"))
    assert "Exceptions in the policy" in page
    assert "From the gateway's signed journal alone." in page


def test_a_page_number_beyond_any_is_refused_in_words(site, words_of):
    for who, path in (("ines", "/alerts"), ("ada", "/audit")):
        answer = site.get(who, path, params={"before": str(2**63)})
        assert answer.status_code == 422
        assert "cannot be read" in words_of(answer)
