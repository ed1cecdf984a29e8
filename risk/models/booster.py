"""What XGBoost writes of a booster, as JSON: every member named, so that nothing else gets in.

Only trees grown one after another for the logistic objective, over numbers. All bounds are here,
so that reading takes no more than the file's own size allows.
"""

import math
import re
from typing import Annotated, Any, Final, Literal

import msgspec

from risk.models.manifest import INPUTS_MAX, NotAModel

TREES_MAX: Final = 2_000
NODES_MAX: Final = 4_096
ENGINE_MAJOR: Final = 3
# What XGBoost writes where there is no parent, and in the split of a node that it pruned.
NO_NODE: Final = 2**31 - 1

Floats = Annotated[list[float], msgspec.Meta(max_length=NODES_MAX)]
Ints = Annotated[list[int], msgspec.Meta(max_length=NODES_MAX)]
Nothing = Annotated[list[int], msgspec.Meta(max_length=0)]
Number = Annotated[str, msgspec.Meta(pattern=r"\A(0|[1-9][0-9]{0,9})\Z")]
_SCORE: Final = re.compile(r"\[?([0-9]\.?[0-9]{0,9}(?:E-?[0-9]{1,2})?)\]?")


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of a booster are."""


class TreeParam(_Closed, frozen=True):
    """Sizes of one tree."""

    num_deleted: Number
    num_feature: Number
    num_nodes: Number
    size_leaf_vector: Literal["1"]


class Tree(_Closed, frozen=True):
    """One tree, an element for each node; a leaf has no children and its value as condition."""

    base_weights: Floats
    categories: Nothing
    categories_nodes: Nothing
    categories_segments: Nothing
    categories_sizes: Nothing
    default_left: Ints
    id: int
    left_children: Ints
    loss_changes: Floats
    parents: Ints
    right_children: Ints
    split_conditions: Floats
    split_indices: Ints
    split_type: Ints
    sum_hessian: Floats
    tree_param: TreeParam


class _Cats(_Closed, frozen=True):
    enc: Nothing
    feature_segments: Nothing
    sorted_idx: Nothing


class _ModelParam(_Closed, frozen=True):
    num_parallel_tree: Literal["1"]
    num_trees: Number


class _Model(_Closed, frozen=True):
    cats: _Cats
    gbtree_model_param: _ModelParam
    iteration_indptr: Annotated[list[int], msgspec.Meta(max_length=TREES_MAX + 1)]
    tree_info: Annotated[list[int], msgspec.Meta(max_length=TREES_MAX)]
    trees: Annotated[list[Tree], msgspec.Meta(min_length=1, max_length=TREES_MAX)]


class _Trees(_Closed, frozen=True):
    model: _Model
    name: Literal["gbtree"]


class _LearnerParam(_Closed, frozen=True):
    base_score: Annotated[str, msgspec.Meta(max_length=32)]
    boost_from_average: Literal["0", "1"]
    num_class: Literal["0"]
    num_feature: Number
    num_target: Literal["1"]


class _LossParam(_Closed, frozen=True):
    # A reweighted model's probabilities mean nothing to a rule of costs.
    scale_pos_weight: Literal["1"]


class _Objective(_Closed, frozen=True):
    name: Literal["binary:logistic"]
    reg_loss_param: _LossParam


class _Learner(_Closed, frozen=True):
    attributes: Annotated[dict[str, str], msgspec.Meta(max_length=16)]
    feature_names: Annotated[list[str], msgspec.Meta(max_length=INPUTS_MAX)]
    feature_types: Annotated[list[str], msgspec.Meta(max_length=INPUTS_MAX)]
    gradient_booster: _Trees
    learner_model_param: _LearnerParam
    objective: _Objective


class Booster(_Closed, frozen=True):
    """A whole booster."""

    learner: _Learner
    version: Annotated[list[int], msgspec.Meta(min_length=3, max_length=3)]

    @property
    def trees(self) -> list[Tree]:
        """Its trees, in the order in which their values are added."""
        return self.learner.gradient_booster.model.trees

    @property
    def base_score(self) -> float:
        """The probability from which its margins start; see `read_booster`."""
        return _base_score(self.learner.learner_model_param.base_score)


def read_booster(content: bytes, inputs: tuple[str, ...]) -> Booster:
    """Return what the JSON of a booster says; whether its trees are trees is for trees.py.

    Raises:
        NotAModel: It is malformed, too large, of another kind, or over other inputs.
    """
    try:
        found = msgspec.json.decode(content, type=Booster)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAModel(f"the booster is malformed or of another kind: {error}") from None
    learner = found.learner
    model = learner.gradient_booster.model
    sizes = {
        "version": found.version[0] == ENGINE_MAJOR,
        "number of inputs": int(learner.learner_model_param.num_feature) == len(inputs),
        "input names": learner.feature_names in ([], list(inputs)),
        "input types": all(one in {"float", "int", "i", "q"} for one in learner.feature_types),
        "number of trees": int(model.gbtree_model_param.num_trees) == len(model.trees),
        "tree groups": model.tree_info == [0] * len(model.trees),
        "iterations": model.iteration_indptr == list(range(len(model.trees) + 1)),
        "tree numbers": [tree.id for tree in model.trees] == list(range(len(model.trees))),
    }
    for what, fits in sizes.items():
        if not fits:
            raise NotAModel(f"the booster's {what} is none that this software reads")
    if not 0.0 < found.base_score < 1.0:
        raise NotAModel("the booster's base score is no probability")
    return found


def rewritten(content: bytes, inputs: tuple[str, ...]) -> bytes:
    """Return a booster as XGBoost may be given it: written anew from what was read of it.

    So XGBoost's own reader meets no text that this one did not understand.

    Raises:
        NotAModel: As `read_booster`.
    """
    return msgspec.json.encode(read_booster(content, inputs))


def _base_score(text: str) -> float:
    match = _SCORE.fullmatch(text)
    return float(match[1]) if match else math.nan


def columns_of(tree: Tree) -> dict[str, list[Any]]:
    """Return what a tree has an element of for each node."""
    return {
        "base_weights": tree.base_weights,
        "default_left": tree.default_left,
        "left_children": tree.left_children,
        "loss_changes": tree.loss_changes,
        "parents": tree.parents,
        "right_children": tree.right_children,
        "split_conditions": tree.split_conditions,
        "split_indices": tree.split_indices,
        "split_type": tree.split_type,
        "sum_hessian": tree.sum_hessian,
    }
