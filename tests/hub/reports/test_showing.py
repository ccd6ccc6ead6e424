"""Reports as they are shown: codes and numbers to the unit, what they say of a user only against a reason."""

from tocsin.hub.reports import showing


def test_lists_carry_no_word_about_a_user(desk) -> None:
    report = desk.approved(additional="someone@example.org")
    with desk.hub.store.reading() as session:
        brief = showing.brief(session, desk.read(report))
        assert "user-17" not in str(brief)
        assert "someone" not in str(brief)
        assert (brief["state"], brief["alert"]["number"]) == ("approved", 1)


def test_counts_are_of_the_unit(desk, who, other_unit) -> None:
    desk.approved()
    with desk.hub.store.reading() as session:
        assert showing.counts(session, desk.who)["approved"] == 1
    stranger = who(unit_id=other_unit)
    with desk.hub.store.reading() as session:
        assert set(showing.counts(session, stranger).values()) == {0}


def test_a_reason_of_one_session_is_that_session_s(desk, who) -> None:
    report = desk.approved()
    desk.consult()
    other = who()
    with desk.hub.store.reading() as session:
        row = desk.read(report)
        assert showing.whole(session, desk.hub, desk.who, row, desk.now)["facts"] is not None
        assert showing.whole(session, desk.hub, other, row, desk.now)["facts"] is None
