"""One HTML page of an evaluation that needs no other file: tables, pictures, both languages."""

import math
from collections.abc import Iterable
from html import escape
from typing import Final

from risk.offline.calibration import Bin
from service.cli.chart import Line, linear, lines, logarithmic
from service.cli.evaluate.report import NAMES, Evaluation, Fold, name_of, text_of

LEAST: Final = 1e-5
_STYLE: Final = (
    "body{font-family:sans-serif;max-width:84rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "pre{overflow-x:auto;background:#f6f6f6;padding:1rem}figure{margin:2rem 0}"
    "figcaption{color:#444}svg{width:100%;height:auto}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;"
    "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}"
)


def page_of(found: Evaluation) -> str:
    """Return the page."""
    body = [
        f"<h1>{escape(found.title.en)}</h1>",
        f'<p lang="zh">{escape(found.title.zh)}</p>',
        _source(found),
        f"<pre>{escape(text_of(found))}</pre>",
        *_pictures(found),
        *_inputs(found),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(found.protocol)}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>",
            "",
        ]
    )


def _source(found: Evaluation) -> str:
    engine = ", ".join(f"{name} {version}" for name, version in found.engine.items())
    return (
        f"<p>Protocol <code>{escape(found.protocol)}</code>; data sha256"
        f" <code>{found.data_sha256}</code>; features <code>{found.feature_set}</code>;"
        f" {escape(engine)}; seed {found.seed}</p>"
    )


def _pictures(found: Evaluation) -> Iterable[str]:
    yield _figure(
        _precision_recall(found),
        "Precision over recall: of the payments above a threshold, which share is fraud, against"
        " which share of all fraud lies above it.",
        "精确率与召回率: 高于阈值的付款中欺诈所占比例, 与高于阈值的欺诈占全部欺诈的比例。",
    )
    if found.calibration:
        yield _figure(
            _reliability(found),
            "Reliability: what was said against what came, for twentieths of equally many payments;"
            " large steps to the right are the riskiest hundredth. On the diagonal a probability"
            " means what it says.",
            "可靠性: 预测概率与实际比例, 每点为二十分之一的付款, 另示风险最高的百分之一。"
            "落在对角线上即概率名副其实。",
        )
    for one in found.folds:
        if one.costs:
            yield _figure(
                _cost(one),
                f"Cost of the week from {one.test_from} against the threshold from which the best"
                " fixed rule acts; the level line is the rule of least expected cost.",
                f"{one.test_from} 起一周的成本随固定阈值的变化; 水平线为最小期望成本规则。",
            )
        yield _figure(
            _scores(one),
            f"Scores of the test week from {one.test_from}: how many good payments and how many"
            " frauds have which probability; both axes logarithmic.",
            f"{one.test_from} 起测试周的分数分布: 各概率区间内的正常付款与欺诈笔数, 双对数坐标。",
        )


def _figure(svg: str, english: str, chinese: str) -> str:
    return (
        f"<figure>{svg}<figcaption>{escape(english)}<br>"
        f'<span lang="zh">{escape(chinese)}</span></figcaption></figure>'
    )


def _precision_recall(found: Evaluation) -> str:
    return lines(
        "Precision over recall / 精确率与召回率",
        linear("recall / 召回率", 0.0, 1.0),
        linear("precision / 精确率", 0.0, 1.0),
        {
            str(one.test_from): Line(
                list(zip(one.precision_recall.x, one.precision_recall.y, strict=True))
            )
            for one in found.folds
        },
    )


def _reliability(found: Evaluation) -> str:
    series = {"as said / 完全一致": Line([(LEAST, LEAST), (1.0, 1.0)])}
    for one in found.folds:
        if one.calibration is not None:
            series[str(one.test_from)] = Line(
                [_point(each) for each in one.calibration.bins], is_joined=False
            )
    tails = [one.calibration.tail for one in found.folds if one.calibration is not None]
    series["riskiest 1 % / 风险最高 1%"] = Line([_point(one) for one in tails], is_joined=False)
    return lines(
        "Said and came / 预测与实际",
        logarithmic("probability said / 预测概率", LEAST, 1.0),
        logarithmic("share that came / 实际比例", LEAST, 1.0),
        series,
    )


def _point(one: Bin) -> tuple[float, float]:
    return one.said, one.came


def _cost(one: Fold) -> str:
    found = one.costs[0]
    points = [(max(at, LEAST), cost) for at, cost in found.curve]
    most = max(cost for _, cost in points)
    low = 10.0 ** math.floor(math.log10(max(found.rule_minor, 1.0)))
    rule = Line([(LEAST, found.rule_minor), (1.0, found.rule_minor)])
    return lines(
        f"Cost from {one.test_from} / 成本",
        logarithmic("threshold / 阈值", LEAST, 1.0),
        logarithmic("minor units / 最小货币单位", low, max(most, low * 10.0)),
        {f"{found.best.action} from / 起": Line(points), "least expected / 最小期望": rule},
    )


def _scores(one: Fold) -> str:
    found = one.histogram
    assert found is not None, "a model says probabilities"
    middles = [
        max((low * high) ** 0.5, LEAST)
        for low, high in zip(found.borders[:-1], found.borders[1:], strict=True)
    ]
    most = max(*found.good, *found.fraud, 10)
    return lines(
        f"Scores from {one.test_from} / 分数分布",
        logarithmic("probability / 概率", LEAST, 1.0),
        logarithmic("payments / 笔数", 1.0, float(most)),
        {
            "good / 正常": Line(list(zip(middles, found.good, strict=True))),
            "fraud / 欺诈": Line(list(zip(middles, found.fraud, strict=True))),
        },
    )


def _inputs(found: Evaluation) -> Iterable[str]:
    folds, names = found.folds, [name_of(one, found) for one in NAMES]
    yield "<h2>Most useful inputs / 最有用的输入</h2><table>"
    yield f"<tr><th>input</th>{''.join(f'<th>{one.test_from}</th>' for one in folds)}</tr>"
    for name in dict.fromkeys(name for one in folds for name in one.inputs):
        cells = "".join(
            f"<td>{one.inputs[name]:.3f}</td>" if name in one.inputs else "<td></td>"
            for one in folds
        )
        yield f"<tr><td><code>{escape(name)}</code></td>{cells}</tr>"
    yield "</table>"
    yield f"<p>{escape(', '.join(names))}: docs/evaluate.md</p>"
