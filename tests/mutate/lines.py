"""The lines that are broken, by module: what stands there, and what is put in its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One line of an equation, broken.

    Attributes:
        module: the module, from the package's folder.
        text: a part of it that occurs once.
        changed: what is put in its place.
        tests: the files of tests that must notice.
    """

    module: str
    text: str
    changed: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """Return the source of the module with the line broken.

        Raises:
            ValueError: If the text does not occur exactly once.
        """
        if source.count(self.text) != 1:
            raise ValueError(f"{self.module} has {self.text!r} {source.count(self.text)} times")
        return source.replace(self.text, self.changed)

    def __str__(self) -> str:
        return f"{self.module}: {self.text!r} -> {self.changed!r}"


LINES: dict[str, tuple[tuple[str, str], ...]] = {
    "heads/lrcn.py": (
        ("self.lstm(self.before(steps)", "self.lstm(steps"),
        ("self.last(self.after(outputs))", "self.last(outputs)"),
        ("first_state(state, steps)", "None"),
    ),
    "heads/gru_rcn.py": (
        ("adaptive_max_pool2d", "adaptive_avg_pool2d"),
        ("ends.append(state[0].mean((2, 3)))", "ends.append(below[:, 0].mean((2, 3)))"),
        (
            "self._run(self.backwards, x, reverse=True)",
            "self._run(self.backwards, x, reverse=False)",
        ),
        ("log_mean_probability(votes).exp()", "log_mean_probability(votes[:, :1]).exp()"),
        (
            "functional.nll_loss(log_mean_probability(prediction.votes), labels)",
            "functional.cross_entropy(prediction.votes.mean(1), labels)",
        ),
    ),
    "heads/base.py": (
        ("each.logsumexp(1) -", "each.sum(1) -"),
        ("votes.float().softmax(-1).mean(1)", "votes.float().mean(1).softmax(-1)"),
    ),
    "heads/mlp.py": ((".tanh()", ".relu()"),),
    "heads/detection.py": (
        ("self.before(self.norm(steps, lengths))", "self.norm(steps, lengths)"),
        ("self.last(self.after(outputs))", "self.last(outputs)"),
        ("torch.where(idle, self.background * each, each)", "each"),
        ("each[true].sum() / true.sum().clamp_min(1)", "each[true].mean()"),
        ("votes.float().sigmoid() if self.several", "votes.float().softmax(-1) if self.several"),
    ),
    "backbones/cnn_m.py": (
        ("alpha=1e-4 * 5", "alpha=1e-4"),
        ("beta=0.75, k=2.0", "beta=0.75, k=1.0"),
    ),
    "backbones/caffenet.py": (
        ("alpha=1e-4, beta=0.75", "alpha=5e-4, beta=0.75"),
        ("alpha=1e-4, beta=0.75", "alpha=1e-4, beta=0.5"),
    ),
    "backbones/layered.py": (
        ("torch.rsqrt(2 + 1e-4 * total)", "torch.rsqrt(1 + 1e-4 * total)"),
        (".abs() <= 2", ".abs() <= 1"),
    ),
    "backbones/baccouche.py": (
        ('(net["c1"](clips))).tanh()', '(net["c1"](clips)))'),
        ('(net["c2"](s1))).tanh()', '(net["c2"](s1)))'),
        ('net["c3"](s2).tanh()', 'net["c3"](s2)'),
        ("x.abs() * self.gain", "x * self.gain"),
    ),
    "recurrent/conv_gru.py": (
        ("convolve(r * narrow, candidate_weight)", "convolve(narrow, candidate_weight)"),
        ("z, r = gates.sigmoid()", "r, z = gates.sigmoid()"),
        (
            "gates = gates + convolve_steps(below, self.below_weight)",
            "gates = gates + 0 * convolve_steps(below, self.below_weight)",
        ),
        ("(z * (candidate + 0 * r).tanh())", "((1 - z) * (candidate + 0 * r).tanh())"),
    ),
    "recurrent/peephole_lstm.py": (
        ("self.bias[hidden : 2 * hidden], forget_bias", "self.bias[:hidden], forget_bias"),
    ),
    "recurrent/observation.py": (
        ("state = cell.step(projected, state)", "cell.step(projected, state)"),
        ("each.flip(1) for gate", "each for gate"),
        (
            "_observer(name, cell, found)",
            "_observer([*cells][~[*cells].index(name)], cell, found)",
        ),
        ("_gates_along(cell, x, state)", "_gates_along(cell, 2 * x, state)"),
    ),
    "finetuning/gate_pictures.py": (
        ("crop.views(x)[:1]", "crop.views(x)[-1:]"),
        ("(seen,) = clip if crop is None else cut[0]", "seen = clip[0, ..., :16, :16]"),
        ("for name, layer in layers.items()", "for name, layer in list(layers.items())[:1]"),
        (
            "in layer.values.items()",
            "in next(iter(layers.values())).values.items()",
        ),
        ("clip[offset :: encoder.stride][:steps]", "clip[:: encoder.stride][:steps]"),
    ),
    "recurrent/gates.py": (
        ("o = o + (peepholes[2] * c)", "o = o + (peepholes[0] * c)"),
        ("return i, f, o.sigmoid(), c", "return f, i, o.sigmoid(), c"),
    ),
    "recurrent/conv_lstm.py": (
        (
            "self.bias[self.hidden : 2 * self.hidden], forget_bias",
            "self.bias[: self.hidden], forget_bias",
        ),
    ),
    "objectives/temporal_coherence.py": (
        (
            "(z[:, 1:] - z[:, :-1]).abs().sum(-1).mean()",
            "(z[:, 1:] - z[:, :-1]).square().sum(-1).mean()",
        ),
        ("(margin - far).clamp_min(0)", "(margin - far)"),
        ("(z - z.roll(shift, dims=0)).abs()", "(z - z.roll(shift, dims=0)).square()"),
        ("(lacking * counted).sum() / counted.sum().clamp_min(1)", "lacking.mean()"),
        ("torch.cdist(a, b, p=1) / a.shape[1]", "torch.cdist(a, b, p=1)"),
        ("(self.margin - distance[others])", "(self.margin - distance)"),
        ("affine=False", "affine=True"),
    ),
    "objectives/frame_loss.py": (
        ("raw.float().sigmoid() if loss", "raw.float() if loss"),
        ("each = (raw - truth).square()", "each = (raw - truth).abs()"),
    ),
    "objectives/lstm_autoencoder.py": (
        ("(update + 1) / (self.ramp + 1)", "update / (self.ramp + 1)"),
        (".clamp(max=1.0)", ""),
        (
            "use_own = torch.rand(len(frame), 1, device=frame.device) < own",
            "use_own = torch.rand(len(frame), 1, device=frame.device) > own",
        ),
        ("truth[:, time - 1].to(frame.dtype)", "truth[:, time].to(frame.dtype)"),
        ("torch.cat((torch.zeros_like(truth[:, :1]), truth[:, :-1]), 1)", "truth"),
    ),
    "objectives/conv_forecaster.py": (
        (
            "use_own = torch.rand(len(frame), 1, 1, 1, device=frame.device) < own",
            "use_own = torch.rand(len(frame), 1, 1, 1, device=frame.device) > own",
        ),
        ("truth[:, -self.future - 1 : -1]", "truth[:, -self.future :]"),
    ),
    "objectives/flow_autoencoder.py": (
        (
            'parts["smoothness"] = pixels * self.smoothness * rough',
            'parts["smoothness"] = pixels * rough',
        ),
        ("Losses(frames * trained, parts)", "Losses(trained, parts)"),
    ),
    "objectives/vicreg.py": (
        ("0.5 * (variance_loss(a) + variance_loss(b))", "variance_loss(a)"),
        ("self.covariance * covariance", "covariance"),
    ),
    "objectives/sigreg.py": (("(1 - self.weight) * prediction", "prediction"),),
    "objectives/temporal_pretext.py": (
        ("torch.arange(scores.shape[1], device", "0 * torch.arange(scores.shape[1], device"),
        ("steps.flatten(1)", "steps.mean(1).repeat(1, steps.shape[1])"),
        ("(scores.argmax(2) == true)", "(scores.argmax(1) == true)"),
    ),
    "objectives/time_changes.py": (
        ("(forwards, forwards.flip(0))", "(forwards, forwards)"),
        ("each not in (true, true[::-1])", "each != true"),
        ("torch.randint(len(self.wrong), (clips,))", "torch.randint(1, (clips,))"),
        ("if each[0] < each[-1]", ""),
        ("(self.span(shown) - span) // 2 for", "0 * span for"),
    ),
    "objectives/motion_targets.py": (
        ("(each - mean) / deviation", "each - mean"),
        ("middle = clip[:, window // 2 :]", "middle = clip[:, 0:]"),
        ("target.mean((0, 1), keepdim=True)", "target.mean()"),
    ),
    "objectives/descriptors.py": (("flow - flow.mean((-2, -1), keepdim=True)", "flow"),),
    "objectives/window_pairs.py": (
        ("clip.unflatten(1, (2, -1))", "clip.unflatten(1, (-1, 2)).transpose(1, 2)"),
        ("unflatten(0, (-1, 2)).unbind(1)", "unflatten(0, (2, -1)).unbind(0)"),
        ("2 * self.encoder.frames_for", "self.encoder.frames_for"),
    ),
    "objectives/two_views.py": (
        ("flip_flow(flow), flow)", "flow, flow)"),
        ("self.flow_encoder.window + 1", "self.flow_encoder.window"),
    ),
    "encoders/mirrored.py": (
        ("(one.clip + other.clip) / 2", "one.clip + other.clip"),
        ("clip.flip(-1) if", "clip.flip(-2) if"),
    ),
    "objectives/simsiam.py": (("0.5 * (following + preceding)", "following"),),
    "flow/warp.py": (
        ("(2 * places.movedim(1, -1) + 1) / size - 1", "(2 * places.movedim(1, -1)) / size - 1"),
        ("[size[1] / width, size[0] / height]", "[size[0] / height, size[1] / width]"),
        ("index = (row * width + column)", "index = (row * height + column)"),
    ),
    "flow/loss.py": (
        ("(across / 2).square() + (down / 2).square()", "across.square() + down.square()"),
        ("delta * (length - delta / 2)", "delta * length"),
        ("(across.square().mean() + down.square().mean()) / 2", "across.square().mean()"),
        ("distance[where].mean()", "distance.mean()"),
    ),
    "flow/stack.py": (
        ("values - fields.mean(dim=(-2, -1), keepdim=True)", "values"),
        ("new_tensor([-1, 1])", "new_tensor([1, 1])"),
        ("torch.hypot(x, y)", "x"),
    ),
    "flow/quantise.py": (
        ("max(height, width) / 16", "min(height, width) / 16"),
        ("alpha=1 / step", "alpha=0.5 / step"),
    ),
    "encoders/input.py": (
        ("(colours - self.mean) / self.deviation", "colours / self.deviation"),
        ("(pixels[:, 1:] - pixels[:, :-1]) / self.deviation", "pixels[:, 1:] / self.deviation"),
        ("clip.flip(2) if backwards", "clip if backwards"),
    ),
    "encoders/flow_input.py": (
        ("(flow_image(clip, scale=self.levels) - 128)", "flow_image(clip, scale=self.levels)"),
    ),
    "encoders/local_contrast.py": (
        ("centred = frames - self._window_mean(frames)", "centred = frames"),
        ("contrast.maximum(average)", "contrast"),
    ),
    "encoders/vectors.py": (
        ("(2 * (squash * steps).sigmoid() - 1)", "(squash * steps).sigmoid()"),
    ),
    "encoders/sliding.py": (
        ("(frames - self.window) // self.stride + 1", "(frames - self.window) // self.stride"),
        ("clip=steps.mean(1)", "clip=steps[:, -1]"),
    ),
    "encoders/flow_head.py": (("x.clamp(-limit_x, limit_x)", "x"),),
    "statistics/intervals.py": (
        ("drawn @ sums / (drawn @ sizes)[:, None]", "drawn @ sums / sizes.sum()"),
        ("[(1 - LEVEL) / 2, (1 + LEVEL) / 2]", "[1 - LEVEL, LEVEL]"),
        ("1 - ((1 - LEVEL) / 2) ** (1 / groups)", "1 - (1 - LEVEL) ** (1 / groups)"),
    ),
    "statistics/metrics.py": (
        ("points - points.mean(axis=0)", "points"),
        ("(share * np.log(share)).sum()", "(share * np.log2(share)).sum()"),
    ),
    "statistics/paired.py": (
        ("wider[2 * step :] += chances / 2", "wider[step:-step] += chances / 2"),
        ("chances[sums >= abs(values.sum())]", "chances[sums > abs(values.sum())]"),
        ("np.arange(len(values), 0, -1)", "len(values)"),
    ),
    "training/schedule.py": (
        ("factor ** (step // every)", "factor ** (step / every)"),
        ("0.1 ** sum(step >= mark", "0.1 ** sum(step > mark"),
        ("min(1.0, (step + 1) /", "min(1.0, step /"),
    ),
}
# Modules whose equations are tested together with others.
ALSO = {
    "heads/base.py": ("tests/heads/test_gru_rcn.py",),
    "recurrent/conv_lstm.py": ("tests/recurrent/test_sequences.py",),
    "recurrent/gates.py": ("tests/recurrent/test_observation.py",),
    "recurrent/peephole_lstm.py": (
        "tests/recurrent/test_sequences.py",
        "tests/recurrent/test_gates.py",
    ),
    "encoders/flow_input.py": ("tests/flow/test_stack.py",),
}


def _tests(module: str) -> tuple[str, ...]:
    folder, _, name = module.rpartition("/")
    return (f"tests/{folder}/test_{name}", *ALSO.get(module, ()))


MUTATIONS = tuple(
    Mutation(module, text, changed, _tests(module))
    for module, lines in LINES.items()
    for text, changed in lines
)
