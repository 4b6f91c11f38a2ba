import torch
from torch import Tensor

from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.geometry import Geometry

SIDE = 64


def blobs(centres: Tensor) -> Tensor:
    """A soft white spot in each frame, at centres (B, T, 2), x before y: (B, T, 3, H, W)."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    distance = (x - centres[..., 0, None, None]) ** 2 + (y - centres[..., 1, None, None]) ** 2
    return (200 * torch.exp(-distance / 8)).unsqueeze(2).expand(-1, -1, 3, -1, -1)


def centre_of(frames: Tensor) -> Tensor:
    """The centre of the light in frames (..., 3, H, W): (..., 2), x before y."""
    light = frames[..., 0, :, :]
    axis = torch.arange(SIDE, dtype=light.dtype)
    total = light.sum((-2, -1))
    across = (light.sum(-2) * axis).sum(-1) / total
    return torch.stack((across, (light.sum(-1) * axis).sum(-1) / total), -1)


def test_flow_follows_crops_and_flips_as_a_spot_in_the_pixels_does() -> None:
    generator = torch.Generator().manual_seed(0)
    start = 28 + 8 * torch.rand(16, 1, 2, generator=generator)
    moved = 6 * torch.rand(16, 2, 2, generator=generator) - 3  # pixels from frame to frame
    centres = torch.cat((start, start + moved.cumsum(1)), 1)
    clip = blobs(centres)
    flow = moved[..., None, None].expand(-1, -1, -1, SIDE, SIDE)
    augment = Augmentation(
        crop=0.5, brightness=0, contrast=0, saturation=0, grey=0, flip=0.5
    )  # fmt: skip
    torch.manual_seed(3)
    changed, its_flow = augment.with_flow(clip, flow)
    seen = centre_of(changed).diff(dim=1)  # (B, T - 1, 2)
    torch.testing.assert_close(its_flow[..., 32, 32], seen, atol=0.05, rtol=0.02)
    turned = seen[:, 0, 0].sign() != moved[:, 0, 0].sign()
    assert 0 < int(turned.sum()) < 16  # some were flipped, and some were not
    assert float((its_flow[..., 32, 32].norm(dim=-1) / moved.norm(dim=-1)).max()) > 1.1
    torch.manual_seed(3)
    torch.testing.assert_close(augment(clip), changed)


def test_flow_is_cut_at_the_place_of_the_crop() -> None:
    boxes = torch.tensor([[8.0, 4.0, 16.0, 32.0]])  # left, top, width, height
    fields = torch.zeros(1, 1, 2, SIDE, SIDE)
    fields[..., 4:36, 8:24] = 1.0
    found = Geometry(boxes, None).of_flow(fields)
    across, down = found[0, 0, 0], found[0, 0, 1]
    torch.testing.assert_close(across, torch.full_like(across, 63 / 15))
    torch.testing.assert_close(down, torch.full_like(down, 63 / 31))


def test_without_a_crop_or_a_flip_nothing_changes() -> None:
    fields = torch.randn(2, 3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(Geometry(None, None).of_flow(fields), fields)
    flipped = Geometry(None, torch.tensor([True, False])).of_flow(fields)
    torch.testing.assert_close(flipped[0, :, 0], -fields[0, :, 0].flip(-1))
    torch.testing.assert_close(flipped[0, :, 1], fields[0, :, 1].flip(-1))
    assert torch.equal(flipped[1], fields[1])
