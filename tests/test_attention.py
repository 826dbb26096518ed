"""Attention sums to 1, hides the future, and is the same whether or not its weights are asked for."""

from typing import Any

import pytest
import torch
from torch import Tensor

from core.config import ModelSettings
from core.model.attention import Attention, FeedForward, KeysValues, sincos_positions

BATCH, QUERIES, CONTEXT = 3, 5, 7


def attention(**settings: Any) -> Attention:
    torch.manual_seed(0)
    return Attention(ModelSettings(**({"dim": 16, "heads": 4} | settings))).eval()


def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        2 * torch.randn(BATCH, QUERIES, 16, generator=generator),
        2 * torch.randn(BATCH, CONTEXT, 16, generator=generator),
    )


def weights_of(layer: Attention, x: Tensor, looked_at: KeysValues, *, causal: bool = False) -> Tensor:
    _, weights = layer(x, looked_at, causal=causal, with_weights=True)
    assert weights is not None
    return weights


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 4])
def test_the_fused_and_the_written_out_sum_are_equal(temperature: float, causal: bool, heads: int) -> None:
    layer = attention(temperature=temperature, heads=heads)
    x, context = inputs()
    looked_at = layer.keys_values(x if causal else context)
    fused, nothing = layer(x, looked_at, causal=causal)
    written_out, weights = layer(x, looked_at, causal=causal, with_weights=True)
    assert nothing is None and weights is not None
    assert torch.allclose(fused, written_out, atol=1e-5)


def test_the_weights_are_those_of_the_mixture() -> None:
    layer = attention()
    x, context = inputs()
    looked_at = layer.keys_values(context)
    output, weights = layer(x, looked_at, with_weights=True)
    assert weights is not None
    mixed = (weights @ looked_at.values).transpose(1, 2).flatten(2)
    assert torch.allclose(layer.output(mixed), output, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_the_weights_of_each_query_are_shares_that_sum_to_1(causal: bool) -> None:
    layer = attention()
    x, _ = inputs()
    weights = weights_of(layer, x, layer.keys_values(x), causal=causal)
    assert weights.shape == (BATCH, 4, QUERIES, QUERIES)
    assert (weights >= 0).all() and torch.allclose(weights.sum(-1), torch.ones(BATCH, 4, QUERIES))


@pytest.mark.parametrize("with_weights", [False, True])
def test_causal_attention_hides_the_future(with_weights: bool) -> None:
    layer = attention()
    x, _ = inputs()
    changed = x.clone()
    changed[:, 3:] += 1
    before, _ = layer(x, layer.keys_values(x), causal=True, with_weights=with_weights)
    after, _ = layer(changed, layer.keys_values(changed), causal=True, with_weights=with_weights)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-2)
    open_before, _ = layer(x, layer.keys_values(x), with_weights=with_weights)
    open_after, _ = layer(changed, layer.keys_values(changed), with_weights=with_weights)
    assert not torch.allclose(open_before[:, :3], open_after[:, :3], atol=1e-2)


def test_causal_weights_are_0_for_what_follows() -> None:
    layer = attention()
    x, _ = inputs()
    assert (weights_of(layer, x, layer.keys_values(x), causal=True).triu(1) == 0).all()


def test_a_higher_temperature_spreads_attention_and_a_lower_one_sharpens_it() -> None:
    x, context = inputs()

    def entropy(temperature: float) -> float:
        layer = attention(temperature=temperature)
        weights = weights_of(layer, x, layer.keys_values(context))
        return -(weights * weights.clamp(min=1e-9).log()).sum(-1).mean().item()

    assert entropy(0.2) < 0.8 * entropy(1.0) < 0.8 * entropy(5.0)


def test_heads_look_at_different_things() -> None:
    layer = attention()
    x, context = inputs()
    weights = weights_of(layer, x, layer.keys_values(context))
    assert (weights[:, 0] - weights[:, 1]).abs().max() > 0.05


@pytest.mark.parametrize("with_weights", [False, True])
def test_dropout_drops_attention_in_training_only(with_weights: bool) -> None:
    layer = attention(dropout=0.5)
    x, context = inputs()
    looked_at = layer.keys_values(context)
    quiet, weights = layer(x, looked_at, with_weights=with_weights)
    assert torch.equal(layer(x, looked_at, with_weights=with_weights)[0], quiet)
    layer.train()
    noisy, kept = layer(x, looked_at, with_weights=with_weights)
    assert not torch.allclose(noisy, quiet, atol=1e-3)
    if weights is not None:  # what is returned is what was looked at, not what dropout left of it
        assert kept is not None and torch.equal(kept, weights)


def test_the_width_and_the_activation_of_the_feed_forward_layer_are_settings() -> None:
    torch.manual_seed(0)
    layer = FeedForward(ModelSettings(dim=16, heads=2, ffn_ratio=1.5, activation="relu"))
    assert layer.expand.out_features == 24
    x = torch.randn(2, 3, 16)
    assert torch.allclose(layer(x), layer.contract(layer.expand(x).clamp(min=0)))


def test_sine_and_cosine_positions_tell_every_place_apart() -> None:
    positions = sincos_positions(40, 16)
    assert positions.shape == (40, 16) and positions.abs().max() <= 1
    distance = torch.cdist(positions, positions) + 10 * torch.eye(40)
    assert distance.min() > 0.3
    assert torch.allclose(positions[0], torch.tensor([0.0] * 8 + [1.0] * 8))
