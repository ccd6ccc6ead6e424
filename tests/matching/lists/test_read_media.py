from pathlib import Path

from tocsin.matching.lists.entry import Entry, Rejected
from tocsin.matching.lists.read_media import options_for_lists, read_media
from tocsin.model import Fingerprints, NotScanned
from tocsin.model.media import Frame, Print

M, P, W = "ab" * 16, "cd" * 32, "ef" * 38


class Pool:
    """Answers with what was prepared."""

    def __init__(self, *answers):
        self.answers, self.options = answers, None

    def map(self, paths, options=None):
        self.options = options
        return zip(paths, self.answers, strict=True)


def test_pictures_and_videos_become_entries_named_after_their_files():
    picture = Fingerprints(
        media="picture", md5=M, sha256="12" * 32, prints=(Print(P, 90), Print("01" * 32, 80, turn=1)), windows=(W,)
    )
    video = Fingerprints(media="video", sha256="34" * 32, frames=(Frame(0.0, P, 70), Frame(0.0, P, 70, stripped=True)))
    pool = Pool(picture, video)
    one, two = read_media([Path("a/x.jpg"), Path("b/y.mp4")], pool, windows=True)
    assert one.id == "x.jpg"
    assert [kind for kind, _ in one.hashes] == ["md5", "sha256", "pdq", "window"]
    assert (one.quality, one.frames) == (90, [])
    assert [(frame.at, frame.quality) for frame in two.frames] == [(0.0, 70)]
    assert pool.options.windows
    assert not pool.options.fast


def test_the_same_bytes_under_two_names_are_one_entry():
    same = Fingerprints(media="picture", sha256="12" * 32)
    one, two = read_media([Path("a"), Path("b")], Pool(same, same))
    assert one.key == two.key


def test_what_cannot_be_examined_is_left_out_or_listed_by_digest():
    broken = Fingerprints(media="picture", md5=M, reason="unreadable", detail="The picture is damaged.")
    gone, listed = read_media([Path("a"), Path("b")], Pool(NotScanned("unreadable", "It is gone."), broken))
    assert gone == Rejected(1, "It is gone.", "a")
    assert isinstance(listed, Entry)
    assert listed.problem == "The picture is damaged."
    assert options_for_lists().frames
