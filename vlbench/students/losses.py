"""What students minimise: losses of a batch's similarities, against hard or soft targets, and their gradients.

Targets T [n, n] say how much entry i of the first side matches entry j of the second, from 0 to 1; without them T is
the identity: i matches i alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

INFO_NCE = "info-nce"


def info_nce(logits: Float[Tensor, "n n"], targets: Float[Tensor, "n n"] | None = None) -> Float[Tensor, ""]:
    """Symmetric InfoNCE (van den Oord et al. 2018; Radford et al. 2021); with targets, its mean weighted by them.

    With p(j | i) the softmax of row i, q(i | j) that of column j, and w = T / sum(T):
    -1/2 sum_ij w_ij (log p(j | i) + log q(i | j)). The identity gives w = 1 / n on the diagonal, which is InfoNCE.
    Scaling all targets changes nothing: they say what matches, not how large a student's steps are. (LoRS's extended
    InfoNCE is the same with w = T / n.) A batch in which nothing matches has loss 0.
    """
    if targets is None:
        own = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    weights = match_weights(targets)
    return -(weights * (logits.log_softmax(1) + logits.log_softmax(0))).sum() / 2


def match_weights(targets: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Targets over their sum; all 0 where nothing matches."""
    return targets / targets.sum().clamp_min(torch.finfo(targets.dtype).tiny)


def wbce(logits: Float[Tensor, "n n"], targets: Float[Tensor, "n n"] | None = None) -> Float[Tensor, ""]:
    """Weighted binary cross-entropy of LoRS (ICML 2024) and RepBlend (NeurIPS 2025).

    The cross-entropy of sigmoid(logits) with the targets, entry by entry; the mean over entries with targets above 0.5
    and the mean over all others are averaged. A group without entries adds nothing.
    """
    if targets is None:
        targets = torch.eye(len(logits), dtype=logits.dtype, device=logits.device)
    entries = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    matching = (targets > 0.5).to(entries.dtype)
    means = [(entries * group).sum() / group.sum().clamp_min(1) for group in (matching, 1 - matching)]
    return (means[0] + means[1]) / 2


LOSSES: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {INFO_NCE: info_nce, "wbce": wbce}
"""Name in a protocol -> loss of logits [n, n] and targets [n, n]."""


def info_nce_gradient(
    logits: Float[Tensor, "n n"], targets: Float[Tensor, "n n"] | None = None
) -> Float[Tensor, "n n"]:
    """Of :func:`info_nce` by the logits: (sum_j w_ij p(j | i) + sum_i w_ij q(i | j)) / 2 - w_ij."""
    rows, columns = logits.softmax(1), logits.softmax(0)
    if targets is None:
        gradient = rows.add_(columns)
        gradient.diagonal().sub_(2)
        return gradient.div_(2 * len(logits))
    weights = match_weights(targets)
    by_row, by_column = weights.sum(1), weights.sum(0)
    return rows.mul_(by_row[:, None]).add_(columns.mul_(by_column)).div_(2).sub_(weights)


def info_nce_value(
    logits: Float[Tensor, "n n"],
    rows: Float[Tensor, "n n"],
    columns: Float[Tensor, "n n"],
    weights: Float[Tensor, "n n"] | None = None,
) -> Float[Tensor, ""]:
    """:func:`info_nce` where the softmaxes of rows and columns, and the weights of targets, are there."""
    to_rows, to_columns = (_log_sum(logits, shares, axis) for axis, shares in ((1, rows), (0, columns)))
    if weights is None:
        return (to_rows + to_columns).mean() / 2 - logits.diagonal().mean()
    return (weights.sum(1) @ to_rows + weights.sum(0) @ to_columns) / 2 - (weights * logits).sum()


def _log_sum(logits: Float[Tensor, "n n"], shares: Float[Tensor, "n n"], axis: int) -> Float[Tensor, " n"]:
    """log sum exp along an axis, from its softmax: a logit less the logarithm of its share, at the largest."""
    return logits.amax(axis) - shares.amax(axis).log()


def wbce_gradient(logits: Float[Tensor, "n n"], targets: Float[Tensor, "n n"] | None = None) -> Float[Tensor, "n n"]:
    """Of :func:`wbce` by the logits: sigmoid(logits) - T, over twice the size of the entry's group."""
    gradient, count = logits.sigmoid(), len(logits)
    if targets is None:
        own = (gradient.diagonal() - 1) * (0.5 / count)
        gradient.mul_(0.5 / max(count * count - count, 1)).diagonal().copy_(own)
        return gradient
    matching = targets > 0.5
    many = matching.count_nonzero().to(logits.dtype)
    share, others = (0.5 / group.clamp_min(1) for group in (many, count * count - many))
    return gradient.sub_(targets).mul_(torch.where(matching, share, others))


LOGIT_GRADIENTS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    INFO_NCE: info_nce_gradient,
    "wbce": wbce_gradient,
}
"""Name in a protocol -> gradient of its loss by the logits [n, n], at logits [n, n] and targets [n, n]."""
