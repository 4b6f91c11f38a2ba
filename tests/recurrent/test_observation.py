"""The gates that are observed are those that make the outputs, of every layer and direction."""

import torch

from selfvid.recurrent import (
    ConvGRU,
    ConvGRUCell,
    ConvLSTM,
    ConvLSTMCell,
    PeepholeLSTM,
    observed_gates,
)


def test_every_layer_of_a_stack_is_observed_and_nothing_stays() -> None:
    torch.manual_seed(0)
    lstm, x = PeepholeLSTM(3, 4, layers=2), torch.randn(1, 5, 3)
    with observed_gates(lstm) as found:
        lstm(x)
    lower, upper = (PeepholeLSTM(width, 4) for width in (3, 4))
    lower.cell.load_state_dict({f"layers.0.{n}": w for n, w in lstm.layers[0].state_dict().items()})
    upper.cell.load_state_dict({f"layers.0.{n}": w for n, w in lstm.layers[1].state_dict().items()})
    with observed_gates(upper) as alone:
        upper(lower(x)[0])
    assert set(found) == {"cell.layers.0", "cell.layers.1"}
    for gate, values in alone["cell.layers.0"].values.items():
        torch.testing.assert_close(found["cell.layers.1"].values[gate], values)
    before = found["cell.layers.1"]
    lstm(2 * x)
    assert found["cell.layers.1"] is before
    assert all(layer.observer is None for layer in lstm.layers)


def test_gates_of_a_backward_gru_are_in_the_order_of_time() -> None:
    torch.manual_seed(0)
    gru, x = ConvGRU(2, 3, kernel=1), torch.randn(1, 4, 2, 1, 1)
    with observed_gates(gru) as found:
        outputs, _ = gru(x, reverse=True)
    (layer,), (cell,) = found.values(), gru.layers
    assert layer.backward
    assert isinstance(cell, ConvGRUCell)
    h = torch.zeros(3)
    for step in (3, 2, 1, 0):
        wz, wr, wg = cell.input_weight.flatten(1).split(3)  # type: ignore[union-attr]
        uz, ur = cell.gate_weight.flatten(1).split(3)
        now = x[0, step].flatten()
        z, r = (wz @ now + uz @ h).sigmoid(), (wr @ now + ur @ h).sigmoid()
        torch.testing.assert_close(layer.values["update"][0, step], z)
        torch.testing.assert_close(layer.values["reset"][0, step], r)
        h = (1 - z) * h + z * (wg @ now + cell.candidate_weight.flatten(1) @ (r * h)).tanh()
        torch.testing.assert_close(outputs[0, step].flatten(), h)


def test_gates_of_maps_are_means_over_places() -> None:
    torch.manual_seed(0)
    lstm, x = ConvLSTM(2, 3, kernel=1, peepholes="channel"), torch.randn(1, 4, 2, 2, 2)
    (cell,) = lstm.layers
    assert isinstance(cell, ConvLSTMCell)
    assert cell.peepholes is not None
    torch.nn.init.normal_(cell.peepholes)
    with observed_gates(lstm) as found:
        lstm(x)
    peepholes, (layer,) = cell.peepholes[..., 0], found.values()  # (3, D, 1)
    h, c = torch.zeros(3, 4), torch.zeros(3, 4)
    for step in range(4):
        both = cell.input_weight.flatten(1) @ x[0, step].flatten(1)  # type: ignore[union-attr]
        i, f, g, o = (both + cell.recurrent_weight.flatten(1) @ h + cell.bias[:, None]).chunk(4)
        i, f = (i + peepholes[0] * c).sigmoid(), (f + peepholes[1] * c).sigmoid()
        c = f * c + i * g.tanh()
        o = (o + peepholes[2] * c).sigmoid()
        h = o * c.tanh()
        for gate, values in (("input", i), ("forget", f), ("output", o)):
            torch.testing.assert_close(layer.values[gate][0, step], values.mean(1))
