import pytest

from selfvid.cli.commands import USER_ERROR, main
from selfvid.errors import InputError


def test_wrong_input_can_be_caught_as_a_value_error() -> None:
    with pytest.raises(ValueError, match="size is 0; expected 1 or more"):
        raise InputError("size is 0; expected 1 or more")


def test_the_command_line_prints_the_message_alone_and_exits_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_: object) -> int:
        raise InputError("size is 0;\n  expected 1 or more")

    monkeypatch.setattr("selfvid.cli.commands._run", wrong)
    with pytest.raises(SystemExit) as ended:
        main(["anything"])
    assert ended.value.code == USER_ERROR == 2
    captured = capsys.readouterr()
    assert captured.err == "selfvid: size is 0; expected 1 or more\n"
    assert captured.out == ""
