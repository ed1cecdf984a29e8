"""A file that is not sound is not loaded, and whoever looked at it goes on.

Every file goes the way that it goes when it is taken in: structure and hashes, the signature over
its id, its trees, and only then XGBoost, which would end this process. Nothing but `NotAModel`
comes out.
"""

import pytest

from keys.notes import NotANote, open_note
from risk.feature import FeatureSet
from risk.models.container import unpack
from risk.models.manifest import NotAModel, text_to_sign
from risk.models.model import Model, make_scorer, open_model, read_model
from risk.offline.check import check_model
from tests.support.damaged_models import SIGNER, all_damaged, misbegun, resigned

FILES = 600


def load(data: bytes, note: str, features: FeatureSet) -> Model:
    """Take a file in as the service does; the signature counts before any tree is read."""
    parts = unpack(data)
    try:
        text = open_note(note, [SIGNER.verifier])
    except NotANote as error:
        raise NotAModel(str(error)) from None
    if text != text_to_sign(parts.id):
        raise NotAModel("the signature is of another model")
    return check_model(data, features)


def test_the_file_that_all_are_made_of_loads(file, features) -> None:
    data, note = resigned(file)

    assert data == file
    assert load(file, note, features).id == unpack(file).id


@pytest.mark.long
def test_no_damaged_file_loads_and_the_last_good_one_goes_on(file, features) -> None:
    model = open_model(file)
    scorer = make_scorer(model)
    before = [scorer.score(row) for row in model.rows]
    damaged = all_damaged(file)
    loaded = []

    for kind, files in damaged.items():
        for place, (data, note) in enumerate(files):
            try:
                load(data, note, features)
            except NotAModel:
                continue
            loaded.append((kind, place))

    assert loaded == []
    assert sum(map(len, damaged.values())) >= FILES
    assert [scorer.score(row) for row in model.rows] == before


def test_a_walk_that_only_xgboost_tells_from_its_own_is_refused(file, features) -> None:
    said = []
    for data, _ in misbegun(file):
        # All that is checked without XGBoost holds.
        assert read_model(data, features).id == unpack(data).id
        with pytest.raises(NotAModel) as refused:
            check_model(data, features)
        said.append(str(refused.value))

    assert said
    assert set(said) == {"our walk of scam does not give XGBoost's margins"}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["one_byte", "signed_trees", "foreign"])
def test_each_kind_is_refused_for_more_than_one_reason(file, features, kind) -> None:
    said = set()
    for data, note in all_damaged(file)[kind]:
        with pytest.raises(NotAModel) as refused:
            load(data, note, features)
        said.add(str(refused.value))

    assert len(said) > 4
