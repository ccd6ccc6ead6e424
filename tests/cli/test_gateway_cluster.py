from pathlib import Path

import pytest
from click.testing import CliRunner

from tocsin.cli import main
from tocsin.cli.gateway_cluster import following, split_lists, told_of
from tocsin.cli.speaking import Failure
from tocsin.gateway.settings import Settings


def test_lists_are_folders_or_addresses(tmp_path):
    folders, urls = split_lists((str(tmp_path), "s3://bucket/lists/known"))
    assert folders == (tmp_path.resolve(),)
    assert urls == ("s3://bucket/lists/known",)


def test_a_cluster_needs_a_store(tmp_path):
    said = CliRunner().invoke(main, ["gateway", "--data", str(tmp_path), "--cluster", "auto"])
    assert said.exit_code == 2
    assert "--bucket" in said.output


def test_an_address_that_cannot_be_used_is_a_sentence(tmp_path):
    pytest.importorskip("obstore")
    settings = Settings(data=tmp_path, list_urls=("nosuch://bucket/x",))
    with pytest.raises(Failure, match="cannot be opened"), following(settings):
        raise AssertionError


def test_without_addresses_nothing_is_followed(tmp_path):
    settings = Settings(data=tmp_path, lists=(Path("a"),))
    with following(settings) as (same, followed):
        assert (same, followed) == (settings, ())


def test_nodes_are_told_what_they_need_and_secrets_are_not_shown(tmp_path):
    told = told_of(Settings(data=tmp_path, list_key="secret", fetch_hosts=("x",)), "http://127.0.0.1:1", "the key")
    assert (told.core, told.key, told.list_key, told.fetch_hosts) == ("http://127.0.0.1:1", "the key", "secret", ("x",))
    assert "the key" not in repr(told)
    assert "secret" not in repr(told)
