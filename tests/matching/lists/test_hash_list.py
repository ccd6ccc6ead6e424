import json

import pytest
import yaml

from tocsin.matching.lists import HashList, ListError, add


def test_info_counts_and_never_holds_a_hash(made, md5_of, pdq_of):
    folder, _ = made(
        f"md5,pdq,category,status\n{md5_of('a')},{pdq_of('a')},1,\n{md5_of('b')},,2,\n{md5_of('c')},,,deleted\n",
        source="Agency", scheme="own", radius=20,
    )  # fmt: skip
    facts = HashList.open(folder).info()
    assert (facts["name"], facts["source"], facts["entries"], facts["tombstones"]) == ("made", "Agency", 2, 1)
    assert facts["kinds"] == {"md5": 2, "pdq": 1}
    assert facts["categories"] == {"1": 1, "2": 1}
    assert (facts["encrypted"], facts["radius"], facts["updated"]) == (False, 20, "")
    assert not any(md5_of(text) in repr(facts) for text in "abc")


def test_a_change_of_terms_is_followed(made, md5_of):
    folder, _ = made(md5_of("a"))
    opened = HashList.open(folder)
    before = opened.version
    held = yaml.safe_load((folder / "list.yaml").read_text())
    (folder / "list.yaml").write_text(yaml.safe_dump(held | {"severity": 2}))
    assert opened.refresh()
    assert opened.view.terms.severity == 2
    assert opened.version != before
    assert not opened.refresh()


def test_a_change_that_cannot_be_read_leaves_the_list_as_it_was(made, more, md5_of):
    folder, _ = made(md5_of("a"))
    opened = HashList.open(folder)
    (folder / "list.yaml").write_text("severity: [")
    assert not opened.refresh()
    assert "not YAML" in opened.problem
    assert opened.view.find("md5", [bytes.fromhex(md5_of("a"))])
    (folder / "list.yaml").unlink()
    opened.refresh()
    assert opened.problem
    with pytest.raises(ListError):
        add(folder, more(md5_of("b")))


def test_verify_reads_everything(made, md5_of):
    folder, _ = made("\n".join(md5_of(str(n)) for n in range(50)))
    told = []
    size = HashList.open(folder).verify(lambda done, total: told.append((done, total)))
    assert told[-1] == (size, size)
    [path] = folder.glob("part-*.cols")
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ListError, match="cut, changed or damaged"):
        HashList.open(folder).verify()


def test_an_index_file_that_was_swapped_is_refused(tmp_path, made, pdq_of, monkeypatch):
    from tocsin.matching.lists import building, part

    monkeypatch.setattr(building, "INDEXED_FROM", 5)
    monkeypatch.setattr(part, "INDEXED_FROM", 5)
    folder, _ = made("\n".join(pdq_of(str(n)) for n in range(20)))
    other, _ = made("\n".join(pdq_of(str(n)) for n in range(30)), folder="other")
    assert HashList.open(folder).verify()
    (folder / "part-000001.pdq").write_bytes((other / "part-000001.pdq").read_bytes())
    with pytest.raises(ListError, match=r"part-000001\.pdq"):
        HashList.open(folder)
    (folder / "part-000001.pdq").unlink()
    with pytest.raises(ListError, match=r"part-000001\.pdq"):
        HashList.open(folder)


@pytest.mark.parametrize("ending", ["cols", "pdq"])
def test_another_lists_file_of_the_same_size_is_refused(made, pdq_of, monkeypatch, ending):
    from tocsin.matching.lists import building, part

    monkeypatch.setattr(building, "INDEXED_FROM", 5)
    monkeypatch.setattr(part, "INDEXED_FROM", 5)
    folder, _ = made("\n".join(pdq_of(str(n)) for n in range(20)))
    other, _ = made("\n".join(pdq_of(str(n)) for n in range(100, 120)), folder="other")
    (place,), (theirs,) = folder.glob(f"*.{ending}"), other.glob(f"*.{ending}")
    assert place.stat().st_size == theirs.stat().st_size
    place.write_bytes(theirs.read_bytes())
    with pytest.raises(ListError, match="swapped"):
        HashList.open(folder)


def test_a_list_that_was_built_before_samples_were_kept_opens(made, pdq_of):
    folder, _ = made(pdq_of("x"))
    state = json.loads((folder / "state.json").read_text())
    for part in state["parts"]:
        for file in part["files"].values():
            del file["sample"]
    (folder / "state.json").write_text(json.dumps(state))
    assert HashList.open(folder).view.entries == 1


def test_a_folder_that_is_no_list(tmp_path):
    with pytest.raises(ListError, match="is not a hash list"):
        HashList.open(tmp_path)


def test_a_list_that_is_built_anew_in_its_place_is_followed(made, md5_of):
    import shutil

    folder, _ = made(md5_of("a"))
    opened = HashList.open(folder)
    shutil.rmtree(folder)
    made(md5_of("b"))
    assert opened.refresh()
    assert opened.view.find("md5", [bytes.fromhex(md5_of("b"))])
    assert not opened.view.find("md5", [bytes.fromhex(md5_of("a"))])
