"""What a model's check is asked and answers, between a process and its child. Plain values."""

from typing import Final, Literal

import msgspec

# What the child says is short; whatever is longer is not what it says.
ANSWER_BYTES_MAX: Final = 65_536
WHY_CHARS_MAX: Final = 500

Why = Literal[
    "model_missing",
    "model_unsigned",
    "model_refused",
    "model_unreadable",
    "wrong_features",
    "other_model",
    "check_ended",
    "check_late",
    "arrays_unusable",
]
WHYS: Final[dict[Why, str]] = {
    "model_missing": "The model, or a part of its file, is not in the store.",
    "model_unsigned": "The model's signature does not hold.",
    "model_refused": "The model is damaged, or XGBoost gives other scores than it says.",
    "model_unreadable": "The store could not be read, or what it holds of the model is malformed.",
    "wrong_features": "The model is made for other features than this software computes.",
    "other_model": "The strategy says other things of the model than the model's file.",
    "check_ended": "The process that checks the model was ended by the model or from outside.",
    "check_late": "The check of the model took too long.",
    "arrays_unusable": "The arrays of a checked model could not be written or mapped, or others may"
    " write where they lie.",
}


class NotLoaded(Exception):  # noqa: N818  says what was met
    """A model cannot score here.

    Attributes:
        why: A stable word.
    """

    def __init__(self, why: Why, what: str) -> None:
        super().__init__(what)
        self.why = why


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to check.

    Attributes:
        file: The model's bytes.
        folder: Where it writes the arrays; None: it writes none.
        note: Signed note over the model's id; None where a signature is still to be made.
        verifier_key: Whose signature counts, as an auditor is given it.
    """

    file: bytes
    folder: str | None = None
    note: str | None = None
    verifier_key: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        why: None when the model is sound.
        what: One sentence on why it is not.
        model: Its id, once it is sound.
        arrays: Name of the file of its arrays inside the folder, if there is one.
    """

    why: Why | None = None
    what: str = ""
    model: str | None = None
    arrays: str | None = None
