"""Bytes and query strings into frozen Structs, or everything that is wrong with them at once."""

import re
from typing import Any, Final, Generic, NoReturn, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from service.http.cards import card_places, is_card, may_hold_card
from service.http.extremes import huge_places, may_be_extreme
from service.http.problems import (
    BODY_INVALID,
    BODY_MALFORMED,
    CARD_NUMBER_NOT_ALLOWED,
    QUERY_INVALID,
    QUERY_MALFORMED,
)
from service.http.reader import read
from service.http.schema import Schema
from service.kernel.errors import FieldError, Refusal

S = TypeVar("S", bound=msgspec.Struct)

PARAMETERS_MAX: Final = 50

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_BAD_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TRUTHS: Final = {"true": True, "false": False}


class BodyContract(Generic[S]):
    """What a route takes as its body.

    A full card number anywhere is refused unless the contract says that it takes card numbers.
    A card's refusal comes first: nothing else about such a body matters as much.
    """

    def __init__(self, kind: type[S], *, takes_cards: bool = False) -> None:
        """Build decoder and schema.

        Raises:
            TypeError: The Struct lets unknown fields pass or can be changed.
        """
        _check_strict(kind)
        self._decoder: Final = msgspec.json.Decoder(kind, strict=True)
        self._schema: Final = Schema(kind)
        self._takes_cards: Final = takes_cards

    def decode(self, body: bytes) -> S:
        """Return the body as its Struct.

        Raises:
            Refusal: 400 where it cannot be read; 422 with every error where it can.
        """
        # msgspec first: it is the quickest to see that a body is no JSON. What it takes, the
        # reader judges again, since msgspec lets duplicate names and NUL pass.
        refused, value = None, None
        try:
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            refused = error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refusal(BODY_MALFORMED) from None
        document = read(body)
        if not self._takes_cards and may_hold_card(document):
            self._refuse_cards(document.tree)
        if value is None:
            assert refused is not None
            self._refuse(document.tree, refused)
        # Python's `$` lets a trailing newline pass a pattern, so look again where there is one.
        if "\\" in document.text and _may_end_in_newline(document.text):
            self._refuse_bad_formats(document.tree)
        if may_be_extreme(document.text):
            self._refuse_huge(document.tree)
            self._refuse_bad_formats(document.tree)
        return value

    def _refuse(self, tree: Any, refused: msgspec.ValidationError) -> NoReturn:
        errors = _all_errors(self._schema, tree, refused)
        raise Refusal(BODY_INVALID, errors=tuple(errors)) from None

    def _refuse_huge(self, tree: Any) -> None:
        places = dict.fromkeys(map(self._schema.pointer, huge_places(tree)))
        errors = tuple(FieldError(pointer=one, code="out_of_range") for one in places)
        if errors:
            raise Refusal(BODY_INVALID, errors=errors)

    def _refuse_bad_formats(self, tree: Any) -> None:
        errors = tuple(one for one in self._schema.errors(tree) if one.code == "bad_format")
        if errors:
            raise Refusal(BODY_INVALID, errors=errors)

    def _refuse_cards(self, tree: Any) -> None:
        places = dict.fromkeys(map(self._schema.pointer, card_places(tree)))
        if places:
            code = CARD_NUMBER_NOT_ALLOWED.code
            errors = tuple(FieldError(pointer=one, code=code) for one in places)
            raise Refusal(CARD_NUMBER_NOT_ALLOWED, errors=errors)


class QueryContract(Generic[S]):
    """What a route takes as its query string: each parameter once, none unknown."""

    def __init__(self, kind: type[S]) -> None:
        """Build the schema.

        Raises:
            TypeError: The Struct lets unknown fields pass or can be changed.
        """
        _check_strict(kind)
        self._kind: Final = kind
        self._schema: Final = Schema(kind)
        self._types: Final = {
            name: _types_of(schema) for name, schema in self._schema.properties.items()
        }

    def decode(self, query: bytes) -> S:
        """Return the query string as its Struct.

        Raises:
            Refusal: 400 where it cannot be read; 422 with every error where it can.
        """
        pairs = _pairs(query)
        errors: list[FieldError] = []
        if any(is_card(text) for pair in pairs for text in pair):
            raise Refusal(CARD_NUMBER_NOT_ALLOWED)
        values: dict[str, Any] = {}
        for name, text in pairs:
            if name in values and name in self._types:
                errors.append(FieldError(pointer=f"/{name}", code="duplicate_parameter"))
            values[name] = _typed(text, self._types.get(name, frozenset()))
        try:
            value = msgspec.convert(values, self._kind, strict=True)
        except msgspec.ValidationError as refused:
            self._refuse([*errors, *_all_errors(self._schema, values, refused)])
        if any(text.endswith("\n") or may_be_extreme(text) for _, text in pairs):
            errors.extend(self._schema.errors(values))
        if errors:
            self._refuse(errors)
        return value

    def _refuse(self, errors: list[FieldError]) -> NoReturn:
        named = [
            FieldError(pointer=f"query:{one.pointer.removeprefix('/')}", code=one.code)
            for one in errors
        ]
        raise Refusal(QUERY_INVALID, errors=tuple(named)) from None


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query string of a route that takes none."""


def _check_strict(kind: type[msgspec.Struct]) -> None:
    settings = kind.__struct_config__
    if not (settings.frozen and settings.forbid_unknown_fields):
        raise TypeError(f"{kind.__name__} must be frozen and forbid unknown fields")


def _all_errors(schema: Schema, tree: Any, refused: msgspec.ValidationError) -> list[FieldError]:
    """Return what the schema finds, and what msgspec found where the schema did not.

    The two differ in what JSON Schema cannot say: rules between fields, base64, a name's form.
    """
    errors = schema.errors(tree)
    first = schema.error_of(refused)
    known = any(one.pointer == first.pointer for one in errors)
    return errors if known else [*errors, first]


def _may_end_in_newline(text: str) -> bool:
    return '\\n"' in text or "\\u000" in text


def _types_of(schema: dict[str, Any]) -> frozenset[str]:
    branches = schema.get("anyOf", [schema])
    return frozenset(branch["type"] for branch in branches if "type" in branch)


def _typed(text: str, types: frozenset[str]) -> str | int | bool:
    if "integer" in types and _WHOLE.fullmatch(text):
        return int(text)
    if "boolean" in types:
        return _TRUTHS.get(text, text)
    return text


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    pairs = query.split(b"&")
    if len(pairs) > PARAMETERS_MAX or _BAD_PERCENT.search(query):
        raise Refusal(QUERY_MALFORMED)
    found = []
    for pair in pairs:
        name, equals, text = pair.partition(b"=")
        if not (name and equals):
            raise Refusal(QUERY_MALFORMED)
        found.append((_text(name), _text(text)))
    return found


def _text(encoded: bytes) -> str:
    try:
        text = unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        raise Refusal(QUERY_MALFORMED) from None
    if "\0" in text:
        raise Refusal(QUERY_MALFORMED)
    return text
