"""The card of a model: what it learnt from, how well it did, what it cannot say. Trains nothing."""

import datetime as dt
from pathlib import Path
from typing import Final, Self

import msgspec

from risk.models.container import Parts
from risk.offline.calibration import Platt
from risk.offline.making import Learnt
from risk.offline.train import Recipe, TrainedHead, Validated
from service.cli.screen import table

INPUTS_SHOWN: Final = 20


class HeadCard(msgspec.Struct, frozen=True, kw_only=True):
    """One head.

    Attributes:
        frauds: Payments of its kind that it learnt from.
        tried: Recipe -> average precision, each in validation.
        validated: Figures of payments after those that were learnt from.
        inputs: The most useful ones, with their share of what all told.
    """

    frauds: int
    recipe: Recipe
    tried: dict[str, float]
    validated: Validated
    calibration: Platt
    inputs: dict[str, float]

    @classmethod
    def of(cls, head: TrainedHead) -> Self:
        """Return the card of a head."""
        return cls(
            frauds=head.frauds,
            recipe=head.recipe,
            tried={
                f"depth {one.recipe.depth}, {one.recipe.trees} trees": one.average_precision
                for one in head.tried
            },
            validated=head.validated,
            calibration=head.calibration,
            inputs=dict(list(head.gain.items())[:INPUTS_SHOWN]),
        )


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was trained.

    Attributes:
        model: Its id.
        absent: Kinds of harm that labels do not carry -> how many payments of it there were.
        priors: What stands in for them, a share of payments.
        refused: Rows of the file that are no payments.
    """

    model: str
    name: str
    created_at: dt.datetime
    origin: str
    feature_set: str
    since: dt.datetime
    until: dt.datetime
    payments: int
    data_sha256: str
    engine: dict[str, str]
    inputs: tuple[str, ...]
    heads: dict[str, HeadCard]
    absent: dict[str, int]
    priors: dict[str, float]
    refused: int

    @classmethod
    def of(cls, parts: Parts, learnt: Learnt, *, refused: int) -> Self:
        """Return what is said of a model's file and of what it learnt from."""
        said = parts.manifest
        return cls(
            model=parts.id,
            name=said.name,
            created_at=said.created_at,
            origin=said.origin,
            feature_set=said.feature_set,
            since=said.trained.since,
            until=said.trained.until,
            payments=said.trained.rows,
            data_sha256=said.trained.data_sha256,
            engine=said.engine,
            inputs=said.inputs,
            heads={name: HeadCard.of(head) for name, head in learnt.heads.items()},
            absent={
                name: count for name, count in learnt.frauds.items() if name not in learnt.heads
            },
            priors={name: said.priors[name] for name in learnt.frauds if name not in learnt.heads},
            refused=refused,
        )


def text_of(made: Trained, path: Path) -> str:
    """Return what a person reads at the terminal."""
    rows = [("head", "frauds", "AP", "AUC", "ECE", "slope", "trees")]
    for name, head in made.heads.items():
        found = head.validated
        rows.append(
            (
                name,
                f"{head.frauds:,}",
                f"{found.average_precision:.3f}",
                f"{found.auc:.3f}",
                f"{found.ece:.4f}",
                f"{found.slope:.2f}",
                f"{head.recipe.trees} of depth {head.recipe.depth}",
            )
        )
    blocks = [
        f"{path}\n{made.model}",
        f"{made.payments:,} payments from {made.since} to {made.until}",
        table(rows),
    ]
    if made.absent:
        what = ", ".join(f"{name} ({count} labels)" for name, count in made.absent.items())
        blocks.append(f"no head for: {what}; its prior stands in")
    blocks.append(
        "next: `payguard model add` signs it; it judges nothing before a strategy names it"
    )
    return "\n\n".join(blocks)


def card_of(made: Trained) -> str:
    """Return the card as Markdown."""
    lines = [
        f"# Model {made.name}",
        "",
        f"`{made.model}`, made {made.created_at:%Y-%m-%d %H:%M} UTC, origin `{made.origin}`",
        "",
        _listed(made.engine),
        "",
        "## What it learnt from / 训练数据",
        "",
        f"- {made.payments:,} payments from {made.since} up to {made.until}",
        f"- hash of their inputs, times and labels: `{made.data_sha256}`",
        f"- {made.refused:,} rows of the file were no payments",
        f"- features `{made.feature_set}`, {len(made.inputs)} inputs with more than one value",
        "- a payment without a label was taken for normal; no payment was counted more than once",
        "- 未标注的付款按正常处理; 未对任何付款加权",
        "",
    ]
    for name, head in made.heads.items():
        lines += _head(name, head)
    if made.absent:
        lines += ["## What it cannot say / 无法判断", ""]
        lines += [
            f"- `{name}`: {count} labels carry no head; the prior {made.priors[name]:g} stands in"
            for name, count in made.absent.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _listed(engine: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in engine.items())


def _head(name: str, head: HeadCard) -> list[str]:
    found = head.validated
    return [
        f"## Head `{name}`: {head.frauds:,} frauds",
        "",
        f"{head.recipe.trees} trees of depth {head.recipe.depth}.",
        "Each figure is of payments after those learnt from, inside the same time.",
        "以下指标均来自训练时段内, 时间靠后的付款。",
        "",
        "| measure | value |",
        "| --- | --- |",
        f"| payments, frauds | {found.rows:,}, {found.frauds:,} |",
        f"| average precision | {found.average_precision:.4f} |",
        f"| AUC | {found.auc:.4f} |",
        f"| recall where 0.1 % of good payments are flagged | {found.recall_01:.4f} |",
        f"| expected calibration error, 20 bins | {found.ece:.5f} |",
        f"| error in the riskiest hundredth | {found.riskiest:.4f} |",
        f"| calibration slope | {found.slope:.3f} |",
        f"| Platt | a = {head.calibration.a:.4f}, b = {head.calibration.b:.4f} |",
        "",
        "| tried | average precision |",
        "| --- | --- |",
        *(f"| {one} | {value:.4f} |" for one, value in head.tried.items()),
        "",
        "| input | share of what all told |",
        "| --- | --- |",
        *(f"| `{one}` | {value:.3f} |" for one, value in head.inputs.items()),
        "",
    ]
