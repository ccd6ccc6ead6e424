import stat
from datetime import UTC, datetime

import pytest

from tocsin.agent.unasked import Unasked
from tocsin.model import Fingerprints, Frame, Kind, MediaSeen, Observation, Print, Rect

AT = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
CANARY = "zebra-canary-4711"


def item(number=0, name="", **more):
    prints = Fingerprints(
        media="picture",
        md5=f"{number:032x}",
        prints=(Print("ab" * 32, 80, turn=3), Print("cd" * 32, 80, region=Rect(5, 6, 7, 8))),
        frames=(Frame(1.5, "cd" * 32, 9),),
    )
    body = MediaSeen(
        prints=prints,
        matches=(),
        place="file" if name else "screen",
        name=name,
        size=77,
        box=None if name else Rect(1, 2, 3, 4),
        pixels=b"" if name else CANARY.encode(),
    )
    return prints, Observation(
        id=f"o{number}", kind=Kind.FILE if name else Kind.PICTURE, at=AT, sensor="s", body=body, thread=CANARY, **more
    )


def test_what_waits_survives_a_restart_with_its_own_time_and_place(tmp_path):
    queue = Unasked(tmp_path / "q.db")
    rows = queue.add([item(1), item(2, "/home/a/ü\udcff.jpg")])
    queue.close()
    again = Unasked(tmp_path / "q.db")
    assert again.count == 2
    (first, prints, seen), (_, _, file) = again.oldest(10)
    assert first == rows[0]
    assert (prints, seen.at, seen.id, seen.body.box) == (item(1)[0], AT, "o1", Rect(1, 2, 3, 4))
    assert file.body.name == "/home/a/ü\udcff.jpg"
    again.remove([row for row, _, _ in again.oldest(10)])
    assert again.count == 0
    again.close()


def test_no_word_and_no_picture_of_the_screen_is_on_disk(tmp_path):
    queue = Unasked(tmp_path / "q.db")
    queue.add([item(1, app=CANARY, title=CANARY)])
    queue.close()
    for path in tmp_path.iterdir():
        assert CANARY.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name != "q.db"


def test_the_queue_is_bounded_and_says_what_it_did_not_take(tmp_path):
    queue = Unasked(tmp_path / "q.db", most=3)
    rows = queue.add([item(n) for n in range(5)])
    assert [bool(row) for row in rows] == [True, True, True, False, False]
    assert queue.count == 3
    tight = Unasked(tmp_path / "tight.db", most_bytes=10)
    assert tight.add([item()]) == [0]
    queue.close()
    tight.close()


def test_a_disk_that_takes_nothing_is_no_reason_to_fail(tmp_path):
    queue = Unasked(tmp_path / "missing" / "q.db")
    assert queue.add([item(1), item(2)]) == [0, 0]
    assert queue.oldest(5) == []
    queue.remove([1])
    queue.close()


@pytest.mark.parametrize("damage", [b"not a database at all, sorry", b"SQLite format 3\0" + bytes(200)])
def test_a_damaged_queue_is_set_aside_or_said_to_be_full(tmp_path, damage):
    path = tmp_path / "q.db"
    path.write_bytes(damage)
    queue = Unasked(path)
    rows = queue.add([item(1)])
    assert rows == [0] or queue.count == 1
    queue.close()


def test_an_item_that_cannot_be_read_any_more_is_dropped(tmp_path):
    queue = Unasked(tmp_path / "q.db")
    queue.add([item(1), item(2)])
    with queue._db:
        queue._db.execute("update item set text = '{\"id\": 1}' where id = 1")
    assert [seen.id for _, _, seen in queue.oldest(10)] == ["o2"]
    assert queue.count == 1
    queue.close()
