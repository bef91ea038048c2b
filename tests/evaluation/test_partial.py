import json

import pytest

from kerasvox.errors import KerasvoxError
from kerasvox.evaluation.partial import PartialReport

HEADER = {"weights_sha256": "ab", "protocol": {"versions": {"numpy": "2"}}}
ROWS = [{"clip": "Ani_1_01", "samples": 5}, {"clip": "Ani_1_02", "samples": 6}]


def rows_of(path):
    partial = PartialReport(path, HEADER)
    partial.close()
    return partial.rows


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "report.json.partial"
    partial = PartialReport(path, HEADER)
    for row in ROWS:
        partial.append(row)
    partial.close()
    return path


def test_a_new_file_holds_its_header_and_rows_as_lines(path):
    assert [json.loads(line) for line in path.read_text().splitlines()] == [HEADER, *ROWS]


def test_rows_are_taken_over_and_added_to(path):
    partial = PartialReport(path, HEADER)
    assert partial.rows == ROWS
    partial.append({"clip": "Ani_1_03"})
    partial.close()
    assert rows_of(path) == [*ROWS, {"clip": "Ani_1_03"}]


def test_a_row_can_be_read_while_the_run_goes_on(path):
    partial = PartialReport(path, HEADER)
    partial.append({"clip": "Ani_1_03"})
    assert path.read_text().endswith('{"clip": "Ani_1_03"}\n')
    partial.close()


@pytest.mark.parametrize("torn", [1, 5, 20])
def test_a_torn_last_line_is_dropped_and_written_over(path, torn):
    path.write_bytes(path.read_bytes()[:-torn])
    partial = PartialReport(path, HEADER)
    assert partial.rows == ROWS[:1]
    partial.append(ROWS[1])
    partial.close()
    assert rows_of(path) == ROWS


@pytest.mark.parametrize("kept", [0, 1, 30])
def test_a_torn_header_begins_anew(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    partial = PartialReport(path, HEADER)
    partial.close()
    assert partial.rows == []
    assert json.loads(path.read_text()) == HEADER


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"its protocol differ\); delete it, or start anew with --no-resume"),
        ("notes on singing\nmore notes\n", "its content differ"),
        ("[1, 2]\n", "its content differ"),
        ("notes without an end", "belongs to another evaluation"),
    ],
)
def test_the_file_of_another_evaluation_is_refused_and_kept(path, content, message):
    header = HEADER if content else HEADER | {"protocol": {"versions": {"numpy": "3"}}}
    if content:
        path.write_text(content)
    before = path.read_bytes()
    with pytest.raises(KerasvoxError, match=message):
        PartialReport(path, header)
    assert path.read_bytes() == before


def test_without_resuming_the_file_is_begun_anew(path):
    partial = PartialReport(path, HEADER | {"weights_sha256": "cd"}, resume=False)
    partial.close()
    assert partial.rows == []
    assert json.loads(path.read_text())["weights_sha256"] == "cd"


def test_removing(path):
    PartialReport(path, HEADER).remove()
    assert not path.exists()


def test_a_path_that_cannot_be_written(tmp_path):
    with pytest.raises(KerasvoxError, match=r"missing/report\.partial: cannot be written"):
        PartialReport(tmp_path / "missing" / "report.partial", HEADER)
