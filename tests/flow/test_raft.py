from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch.nn.functional import pad
from torchvision.models import get_model

from selfvid.errors import InputError
from selfvid.flow.raft import RAFT
from selfvid.saving.recorded import build, describe
from tests.flow.textures import drifting


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "small.pth"
    torch.save(get_model("raft_small", weights=None).state_dict(), path)
    return str(path)


def test_frames_are_padded_for_the_network_and_flow_is_cut_back(weights: str) -> None:
    frames = drifting(3, x=2, y=1, height=50, width=60)
    found = RAFT(weights=weights, updates=2, device="cpu")(frames)
    network = get_model("raft_small", weights=None).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    for pair in (0, 1):
        two = pad(frames[pair : pair + 2] / 127.5 - 1, (0, 68, 0, 78), mode="replicate")
        with torch.no_grad():
            expected = network(two[:1], two[1:], num_flow_updates=2)[-1][0, :, :50, :60]
        assert torch.allclose(found[pair], expected, atol=1e-3)


def test_settings_tell_weights_apart_wherever_they_lie(weights: str, tmp_path: Path) -> None:
    raft = RAFT(weights=weights, device="cpu")
    state = torch.load(weights, weights_only=True)
    torch.save(state, tmp_path / "same.pth")
    state["flow_head.conv2.bias" if "flow_head.conv2.bias" in state else next(iter(state))] += 1
    torch.save(state, tmp_path / "other.pth")
    assert RAFT(weights=str(tmp_path / "same.pth"), device="cpu").settings == raft.settings
    assert RAFT(weights=str(tmp_path / "other.pth"), device="cpu").settings != raft.settings
    assert build(describe(raft)).settings == raft.settings


def test_without_a_network_connection_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(InputError, match=r"raft_small could not be downloaded .*the file at") as e:
        RAFT()
    assert "\n" not in str(e.value)


def test_weights_that_do_not_fit_are_named(weights: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not fit raft_large"):
        RAFT(variant="large", weights=weights)
    with pytest.raises(InputError, match="is no file; expected torchvision or a file"):
        RAFT(weights=str(tmp_path / "none.pth"))
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"no weights")
    with pytest.raises(InputError, match="are no state dict"):
        RAFT(weights=str(broken))
    with pytest.raises(InputError, match="variant is 'tiny'"):
        RAFT(variant="tiny")  # type: ignore[arg-type]
