import pytest
import torch

from selfvid.pretraining.collapse import measure_collapse


def vectors(spread: float, seed: int = 0) -> tuple[torch.Tensor, list[str]]:
    """Eight videos of four clips; clips of one video lie close together."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(8, 16, generator=generator)
    clips = centres.repeat_interleave(4, 0) + 0.1 * torch.randn(32, 16, generator=generator)
    return 1 + spread * clips, [f"video {i // 4}" for i in range(32)]


def test_varied_vectors_are_no_collapse() -> None:
    measures = measure_collapse(*vectors(1.0))
    assert measures.words().startswith("No collapse")
    assert measures.neighbour_same_video == 1.0
    assert measures.neighbour_chance == pytest.approx(3 / 31)
    assert measures.effective_rank > 5


def test_one_vector_for_everything_is_a_collapse_and_said_to_be() -> None:
    z, videos = vectors(1e-4)
    assert "nearly the same vector" in measure_collapse(z, videos).words()


def test_vectors_along_one_line_are_a_collapse() -> None:
    z, videos = vectors(1.0)
    line = z[:, :1] * torch.ones(16)
    assert "along one line" in measure_collapse(line, videos).words()


def test_neighbours_by_chance_are_a_bad_sign_and_no_collapse() -> None:
    z, videos = vectors(1.0)
    scattered = z[torch.arange(32).reshape(8, 4).T.flatten()]
    measures = measure_collapse(scattered, videos)
    assert measures.neighbour_same_video == 0
    assert not measures.collapsed
    assert "no more often than by chance" in measures.words()


def test_spread_is_one_for_vectors_that_point_everywhere_alike() -> None:
    z = torch.randn(4000, 8, generator=torch.Generator().manual_seed(0))
    measures = measure_collapse(z, [str(i) for i in range(4000)])
    assert measures.feature_spread == pytest.approx(1.0, abs=0.02)
    assert measures.effective_rank == pytest.approx(8.0, abs=0.1)


def test_clips_of_a_single_video_are_not_called_collapsed_for_their_neighbours() -> None:
    z, _ = vectors(1.0)
    measures = measure_collapse(z, ["the only video"] * 32)
    assert measures.neighbour_chance == 1
    assert not measures.scattered
    assert "by chance" not in measures.words()
