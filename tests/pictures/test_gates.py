import numpy as np
import pytest
import torch

from selfvid.pictures import gates


def test_open_gates_are_bright_and_units_keep_their_order() -> None:
    frames = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    forget = torch.tensor([[0.1, 0.9], [0.1, 0.9]])
    values = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    picture = gates(frames, {"forget": forget, "input": values}, height=8).astype(int)
    bright = np.asarray(picture).sum(-1)
    # The last band is the input gate: 8 rows of pixels above a white line, two tiles of 10 wide.
    band = bright[-9:-1]
    assert band[0, 4] > band[-1, 4]  # step 0: the unit that forgets least, on top, is open
    assert band[0, 14] < band[-1, 14]


def test_gates_of_another_length_are_refused() -> None:
    frames = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"same T, got \[2, 3\]"):
        gates(frames, {"forget": torch.zeros(3, 4)})
