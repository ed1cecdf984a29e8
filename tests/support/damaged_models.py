"""Model files that nobody should load: damaged, cut, swapped, unsigned, older, foreign, bombs.

Each kind is made of one sound file of two heads, the first of 30 trees. Those from `foreign` on
come with good hashes and a signature that holds, as if whoever signs had been deceived.
"""

import hashlib
import json
from collections.abc import Iterator

import msgspec
import numpy as np

from keys.notes import Signer, sign_note
from risk.models.booster import read_booster
from risk.models.container import MAGIC, MANIFEST, MARGINS, ROWS, TREES, float_bytes, unpack
from risk.models.manifest import model_id, text_to_sign
from risk.models.model import make_scorer, open_model
from risk.models.trees import base_margins

SIGNER = Signer("models.example", b"\x07" * 32)
FORGER = Signer("models.example", b"\x08" * 32)
BOOSTER = TREES["unauthorized"]
CHILD = "left_children"


def note_of(model: str, by: Signer = SIGNER) -> str:
    return sign_note(text_to_sign(model), by)


def joined(parts: dict[str, bytes]) -> bytes:
    """Return a file of any parts, as `pack` writes it, without its checks."""
    ordered = sorted((name.encode(), content) for name, content in parts.items())
    lengths = b"".join(
        len(one).to_bytes(4, "big") for name, content in ordered for one in (name, content)
    )
    body = b"".join(name + content for name, content in ordered)
    return MAGIC + len(ordered).to_bytes(4, "big") + lengths + body


def parts_of(file: bytes) -> dict[str, bytes]:
    found = unpack(file)
    at = file.index(b'{"created_at"')
    end = file.index(b"trees/", at)
    return {
        MANIFEST: file[at:end],
        ROWS: float_bytes(found.rows),
        MARGINS: float_bytes(found.margins),
        **{TREES[head]: booster for head, booster in found.boosters.items()},
    }


def resigned(file: bytes, **changed: bytes) -> tuple[bytes, str]:
    """Return a file with other parts under hashes and a signature that hold, and the note."""
    parts = parts_of(file) | {name.replace("_", "/"): one for name, one in changed.items()}
    manifest = msgspec.json.decode(parts[MANIFEST])
    for head in manifest["heads"]:
        digest = hashlib.sha256(parts[f"trees/{head}"]).hexdigest()
        manifest["heads"][head]["trees_sha256"] = digest
    manifest["golden"]["rows_sha256"] = hashlib.sha256(parts[ROWS]).hexdigest()
    manifest["golden"]["margins_sha256"] = hashlib.sha256(parts[MARGINS]).hexdigest()
    parts[MANIFEST] = msgspec.json.encode(manifest, order="sorted")
    return joined(parts), note_of(model_id(parts[MANIFEST]))


def one_byte(file: bytes) -> Iterator[bytes]:
    """Change one byte, at places from end to end of the file and many in its manifest."""
    random = np.random.default_rng(1)
    at = file.index(b'{"created_at"')
    places = [*random.integers(0, len(file), 150), *random.integers(at, at + 1_000, 50)]
    for place in places:
        damaged = bytearray(file)
        damaged[place] ^= int(random.integers(1, 256))
        yield bytes(damaged)


def cut(file: bytes) -> Iterator[bytes]:
    random = np.random.default_rng(2)
    yield from (file[:size] for size in (0, 1, 7, 8, 11, 12, 19, 20, len(file) - 1))
    yield from (file[: int(size)] for size in random.integers(0, len(file), 51))
    yield from (file + b"\0", file + file, file[1:], file[len(file) // 2 :], b"\0" * len(file))


def swapped(file: bytes) -> Iterator[bytes]:
    parts = parts_of(file)
    names = sorted(parts)
    for one in names:
        yield joined({name: content for name, content in parts.items() if name != one})
        yield joined({**parts, one: b""})
        yield joined({**parts, f"{one}x": parts[one]})
        for other in names:
            if one < other:
                yield joined({**parts, one: parts[other], other: parts[one]})


def bombs(file: bytes) -> Iterator[bytes]:
    """Promise more than is there: numbers of parts, lengths, names, sizes."""
    most = b"\xff" * 4
    yield MAGIC + most + file[12:]
    yield MAGIC + b"\0" * 4 + file[12:]
    for place in range(12, 12 + 5 * 8, 4):
        yield file[:place] + most + file[place + 4 :]
        yield file[:place] + b"\0" * 4 + file[place + 4 :]
        yield file[:place] + b"\x7f" + file[place + 1 :]
    yield b"\0" * (17 << 20)
    yield MAGIC + b"\0" * (17 << 20)
    yield b"[" * 1_000_000
    yield b"PK\x03\x04" + file[4:]
    yield b"\x1f\x8b" + file[2:]


def unsigned(file: bytes) -> Iterator[bytes]:
    """Change what the manifest says, with all else as it was and its hash not signed."""
    parts = parts_of(file)
    manifest = msgspec.json.decode(parts[MANIFEST])
    for path, value in (
        ("name", "other"),
        ("origin", "simulated"),
        ("created_at", "2026-11-02T00:00:00Z"),
        ("heads.unauthorized.calibration.a", 0.001),
        ("heads.unauthorized.calibration.b", -9.0),
        ("heads.scam.calibration.a", 2.0),
        ("priors.scam", 0.0),
        ("priors.first_party", 0.5),
        ("trained.rows", 9),
        ("metrics.average_precision", 1.0),
        ("engine.xgboost", "9.9.9"),
        ("format", 0),
        ("format", 2),
    ):
        yield joined({**parts, MANIFEST: written(manifest, path, value)})


def written(content: dict, path: str, value: object) -> bytes:
    """Return JSON with one value changed; numbers in the path are places in lists."""
    found = json.loads(json.dumps(content))
    *way, last = path.split(".")
    at = found
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[int(last) if isinstance(at, list) else last] = value
    return msgspec.json.encode(found, order="sorted")


def foreign(file: bytes) -> Iterator[tuple[bytes, str]]:
    """Say with a good signature what this software does not judge by."""
    parts = parts_of(file)
    manifest = msgspec.json.decode(parts[MANIFEST])
    inputs = manifest["inputs"]
    for path, value in (
        ("format", 0),
        ("format", 2),
        ("format", "1"),
        ("feature_set", "fs_000000000000"),
        ("feature_set", ""),
        ("inputs", []),
        ("inputs", inputs[:-1]),
        ("inputs", [*inputs, "amount_minor"]),
        ("inputs", ["payer_id", *inputs[1:]]),
        ("inputs", ["device_is_known", *inputs[1:]]),
        ("inputs", [inputs[1], *inputs[1:]]),
        ("inputs", ["x" * 141, *inputs[1:]]),
        ("inputs", [f"f{place}" for place in range(100_000)]),
        ("origin", "other"),
        ("heads", {}),
        ("heads.unauthorized.base_margin", 0.25),
        ("heads.scam.base_margin", -4.0),
        ("heads.scam.calibration.a", 0.0),
        ("heads.scam.calibration.a", -1.0),
        ("heads.scam.calibration.b", 1e300),
        ("heads.scam.trees_sha256", "0" * 64),
        ("heads.scam.trees_sha256", "x"),
        ("priors", {}),
        ("priors.scam", 1.0),
        ("priors.scam", -0.1),
        ("priors.scam", None),
        ("golden.rows", 0),
        ("golden.rows", 257),
        ("golden.rows_sha256", "0" * 64),
        ("trained.frauds", {}),
        ("trained.since", "2026-11-01T00:00:00"),
        ("trained.rows", -1),
        ("metrics", {"x": None}),
        ("metrics", {f"m{place}": 1.0 for place in range(10_000)}),
        ("more", 1),
    ):
        content = written(manifest, path, value)
        yield joined({**parts, MANIFEST: content}), note_of(model_id(content))


def mistold(file: bytes) -> Iterator[tuple[bytes, str]]:
    """Sign golden rows and margins that are not the trees' own."""
    found = unpack(file)
    for place in range(20):
        margins = found.margins.copy()
        margins[place % 2, place * 11] = np.nextafter(margins[place % 2, place * 11], np.float32(9))
        yield resigned(file, golden_margins=float_bytes(margins))
    for value in (np.nan, np.inf):
        margins = found.margins.copy()
        margins[0, 0] = value
        yield resigned(file, golden_margins=float_bytes(margins))
    yield resigned(file, golden_rows=float_bytes(found.rows[::-1]))
    yield resigned(file, golden_rows=float_bytes(found.rows[:-1]))
    yield resigned(file, golden_rows=b"")
    yield resigned(file, golden_margins=float_bytes(found.margins[::-1]))


def misbegun(file: bytes) -> Iterator[tuple[bytes, str]]:
    """Sign a base margin beside XGBoost's own, in a file that contradicts itself nowhere."""
    parts, model = parts_of(file), open_model(file)
    manifest, scam = msgspec.json.decode(parts[MANIFEST]), model.trees["scam"]
    score = read_booster(parts[TREES["scam"]], model.manifest.inputs).base_score
    for base in set(base_margins(score)) - {scam.base_margin}:
        trees = model.trees | {"scam": scam._replace(base_margin=base)}
        scorer = make_scorer(model._replace(trees=trees))
        margins = np.array([[*scorer.margins(row).values()] for row in model.rows], np.float32).T
        changed = written(manifest, "heads.scam.base_margin", float(base))
        yield resigned(file, manifest=changed, golden_margins=float_bytes(margins))


MODEL = "learner.gradient_booster.model"
# Of a whole booster: other kinds, other sizes, other shapes.
KINDS: tuple[tuple[str, object], ...] = (
    ("learner.gradient_booster.name", "gblinear"),
    ("learner.gradient_booster.name", "dart"),
    ("learner.gradient_booster", {"name": "gblinear", "model": {"weights": [0.0]}}),
    ("learner.gradient_booster.weight_drop", [1.0]),
    ("learner.objective.name", "multi:softprob"),
    ("learner.objective.name", "reg:squarederror"),
    ("learner.objective.name", "binary:logitraw"),
    ("learner.objective.name", "rank:pairwise"),
    ("learner.objective.reg_loss_param.scale_pos_weight", "100"),
    ("learner.learner_model_param.num_class", "3"),
    ("learner.learner_model_param.num_target", "2"),
    ("learner.learner_model_param.num_feature", "9"),
    ("learner.learner_model_param.num_feature", "99999999999999999999"),
    ("learner.learner_model_param.base_score", "[7E-1]"),
    ("learner.learner_model_param.base_score", "[0E0]"),
    ("learner.learner_model_param.base_score", "[1E0]"),
    ("learner.learner_model_param.base_score", "[NaN]"),
    ("learner.learner_model_param.base_score", "[5E-1,5E-1]"),
    ("learner.learner_model_param.base_score", "5" * 10_000),
    ("learner.feature_names", ["other"] * 8),
    ("learner.feature_types", ["c"] * 8),
    ("learner.attributes", {str(place): "" for place in range(1_000)}),
    (f"{MODEL}.gbtree_model_param.num_parallel_tree", "2"),
    (f"{MODEL}.gbtree_model_param.num_trees", "29"),
    (f"{MODEL}.gbtree_model_param.num_trees", "4294967295"),
    (f"{MODEL}.tree_info", [1] * 30),
    (f"{MODEL}.tree_info", []),
    (f"{MODEL}.iteration_indptr", [0, 30]),
    (f"{MODEL}.trees", []),
    (f"{MODEL}.cats.enc", [1]),
    (f"{MODEL}.trees.0", None),
    (f"{MODEL}.trees.3.id", 4),
    ("version", [2, 0, 0]),
    ("version", [4, 0, 0]),
    ("version", []),
    ("more", 1),
)
NODES = 10**6
# Of one node of a tree.
NODE: tuple[tuple[str, object], ...] = (
    (CHILD, 0),
    (CHILD, -2),
    (CHILD, NODES),
    (CHILD, 2**31 - 1),
    (CHILD, 2**63 - 1),
    (CHILD, 2**80),
    (CHILD, -1),
    (CHILD, 1.5),
    (CHILD, None),
    ("right_children", 0),
    ("right_children", 1),
    ("right_children", -(2**31)),
    ("right_children", NODES),
    ("parents", 5),
    ("parents", -1),
    ("split_indices", 8),
    ("split_indices", -1),
    ("split_indices", 2**31 - 1),
    ("split_indices", 2**70),
    ("split_conditions", 1e39),
    ("split_conditions", -1e300),
    ("split_conditions", None),
    ("split_conditions", "0.5"),
    ("split_type", 1),
    ("default_left", 2),
    ("default_left", -1),
    ("sum_hessian", 0.0),
    ("sum_hessian", -1.0),
    ("sum_hessian", 1e39),
    ("loss_changes", 1e39),
    ("base_weights", 1e39),
)
# Of a whole tree.
TREE: tuple[tuple[str, object], ...] = (
    ("categories", [0]),
    ("categories_nodes", [0]),
    ("categories_sizes", [1]),
    ("tree_param.num_nodes", "1"),
    ("tree_param.num_nodes", "-1"),
    ("tree_param.num_nodes", "4294967296"),
    ("tree_param.num_deleted", "1"),
    ("tree_param.num_feature", "7"),
    ("tree_param.size_leaf_vector", "3"),
    ("split_conditions", []),
    (CHILD, []),
    (CHILD, [0] * 100_000),
    (CHILD, [1, -1, -1]),
    ("sum_hessian", [1.0]),
    ("leaf_weights", [1.0]),
)


def signed_trees(file: bytes) -> Iterator[tuple[bytes, str]]:
    booster = json.loads(parts_of(file)[BOOSTER])
    random = np.random.default_rng(3)
    wrong = [*KINDS]
    for place in range(4):
        tree = int(random.integers(0, 30))
        inner = [at for at, left in enumerate(nodes_of(booster, tree)) if left > 0]
        node = inner[place % len(inner)]
        wrong += [(f"{MODEL}.trees.{tree}.{field}.{node}", value) for field, value in NODE]
    for tree in (0, 29):
        wrong += [(f"{MODEL}.trees.{tree}.{field}", value) for field, value in TREE]
    for path, value in wrong:
        yield resigned(file, trees_unauthorized=written(booster, path, value))


def nodes_of(booster: dict, tree: int) -> list[int]:
    return booster["learner"]["gradient_booster"]["model"]["trees"][tree][CHILD]


def signed_leaves(file: bytes) -> Iterator[tuple[bytes, str]]:
    """Sign trees that are trees, but are not those of the golden margins."""
    booster = json.loads(parts_of(file)[BOOSTER])
    for tree in range(30):
        root = f"{MODEL}.trees.{tree}.split_conditions.0"
        yield resigned(file, trees_unauthorized=written(booster, root, 1e6))
    trees = booster["learner"]["gradient_booster"]["model"]["trees"]
    for tree in range(29):
        others = [*trees]
        others[tree] = trees[tree + 1] | {"id": tree}
        yield resigned(file, trees_unauthorized=written(booster, f"{MODEL}.trees", others))


def signed_text(file: bytes) -> Iterator[tuple[bytes, str]]:
    """Sign a booster that is no JSON, or one to choke on."""
    booster = parts_of(file)[BOOSTER]
    for text in (
        b"",
        b"{}",
        b"null",
        b"[" * 1_000_000,
        b'{"learner":' * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        booster[:-1],
        booster + b"}",
        b"\xef\xbb\xbf" + booster,
        booster.decode().encode("utf-16"),
        booster.replace(b'"learner"', b'"learner":1,"learner"', 1),
        booster.replace(b"binary", b"\xff\xfebinary"),
        booster.replace(b'"split_conditions":[', b'"split_conditions":[NaN,', 1),
        booster.replace(b'"split_conditions":[', b'"split_conditions":[Infinity,', 1),
        booster.replace(b'"split_conditions":[', b'"split_conditions":[1e999,', 1),
        booster.replace(b'"left_children":[', b'"left_children":[' + b"9" * 1_000_000 + b",", 1),
        booster.replace(b'"left_children":[', b'"left_children":[' + b"[" * 100_000, 1),
        b"\0" * 1_000,
        b"{L\0\0\0\0\0\0\0\x07learner",
        bytes(range(256)) * 100,
    ):
        yield resigned(file, trees_unauthorized=text)


def with_note(file: bytes, files: Iterator[bytes]) -> list[tuple[bytes, str]]:
    """Return files under the note of the one that they were made of."""
    note = note_of(unpack(file).id)
    return [(one, note) for one in files]


def notes(file: bytes) -> Iterator[tuple[bytes, str]]:
    """Give a sound file another signature than its own."""
    found = unpack(file).id
    good = note_of(found)
    for note in (note_of("sha256:" + "0" * 64), note_of(found, FORGER), "", "x", good[:-9]):
        yield file, note


def all_damaged(file: bytes) -> dict[str, list[tuple[bytes, str]]]:
    """Return all of them by kind, each with the note that comes with it."""
    kinds = {
        one.__name__: with_note(file, one(file))
        for one in (one_byte, cut, swapped, bombs, unsigned)
    }
    for made in (notes, foreign, mistold, misbegun, signed_trees, signed_leaves, signed_text):
        kinds[made.__name__] = list(made(file))
    return kinds
