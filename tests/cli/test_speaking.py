import json

import click
import pytest
from click.testing import CliRunner

from tocsin.cli.speaking import Failure, line, must_be_new, read_file, read_text


def test_an_error_is_one_sentence_on_stderr_with_exit_code_2():
    @click.command()
    def fail():
        raise Failure("The file is not there.")

    result = CliRunner().invoke(fail)
    assert result.exit_code == 2
    assert result.stderr == "Error: The file is not there.\n"
    assert result.stdout == ""


def test_a_json_line_is_one_line(capsys):
    line({"a": "é\n"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"a": "é\n"}


def test_files_that_cannot_be_taken_are_refused(tmp_path):
    path = tmp_path / "f"
    with pytest.raises(Failure, match="cannot be read"):
        read_file(path, 10)
    with pytest.raises(Failure, match="cannot be read"):
        read_file(tmp_path, 10)
    path.write_bytes(b"\xff" * 11)
    with pytest.raises(Failure, match="larger than 10"):
        read_file(path, 10)
    with pytest.raises(Failure, match="UTF-8"):
        read_text(path, 100)
    with pytest.raises(Failure, match="already there"):
        must_be_new(path)
    with pytest.raises(Failure, match="folder"):
        must_be_new(tmp_path / "no" / "f")


def test_an_error_of_the_system_names_the_file_and_no_number():
    problem = FileNotFoundError(2, "No such file or directory", "/srv/tocsin")
    assert Failure(problem).message == "/srv/tocsin cannot be used: No such file or directory."
    assert Failure(OSError("odd")).message == "odd"
