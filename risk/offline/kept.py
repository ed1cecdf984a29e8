"""What labels say of groups that have more labelled payments than an entity keeps.

Such an entity lets the oldest of them go, online, and says of what reaches them that it is not
known. So that no model learns from values that serving never has, these groups are told their
labels one by one, and read, by what does so online: `risk.frauds`.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from risk.frauds import KEPT_MAX, Frauds, Said
from risk.known import Known, value, value_in
from risk.offline.groups import MISSING, Bools, Groups, Ints
from risk.windows import TIERS, tier_of


class Want(NamedTuple):
    """One value: what, over which window (0 for none)."""

    aggregate: str
    window_s: int


class Telling(NamedTuple):
    """One element for each label, those of one payment side by side, in the order of knowing.

    Attributes:
        place: Of the payment.
        after: Rows that had come before it was told.
        known: Second from which it is known.
        is_fraud: What it says.
        was_normal: Whether the payment's amount was.
        told: Its number in the order of telling.
    """

    place: Ints
    after: Ints
    known: Ints
    is_fraud: Bools
    was_normal: Bools
    told: Ints

    def only(self, chosen: Bools | Ints) -> "Telling":
        """Return some of them, chosen by truth or by number."""
        return Telling(
            self.place[chosen],
            self.after[chosen],
            self.known[chosen],
            self.is_fraud[chosen],
            self.was_normal[chosen],
            self.told[chosen],
        )


def is_busy(said: Telling, groups: Groups) -> Bools:
    """Say by place which groups have more labelled payments than an entity keeps of one sort."""
    labelled = np.bincount(
        groups.code[np.unique(said.place)], minlength=int(groups.code.max(initial=-1)) + 1
    )
    found: Bools = (labelled > KEPT_MAX)[groups.code]
    return found


def fill_busy(
    said: Telling, groups: Groups, whole: Mapping[int, Ints], found: Mapping[Want, Ints]
) -> None:
    """Write the values of the rows of busy groups.

    Args:
        said: Labels of these groups alone.
        groups: All groups.
        whole: Window -> how many payments it holds, by place.
        found: Value -> by place; written into.
    """
    order = np.lexsort((said.told, said.after, groups.code[said.place]))
    in_order = said.only(order)
    code = groups.code[in_order.place]
    for one in np.unique(code):
        low, high = np.searchsorted(code, [one, one + 1])
        _fill_group(in_order.only(np.arange(low, high)), groups, whole, found)


def _fill_group(
    said: Telling, groups: Groups, whole: Mapping[int, Ints], found: Mapping[Want, Ints]
) -> None:
    frauds = Frauds()
    heard: dict[int, list[Said]] = defaultdict(list)
    first, end = (int(column[said.place[0]]) for column in (groups.first, groups.end))
    label, size, after = 0, len(said.place), said.after.tolist()
    for place in range(first, end):
        while label < size and after[label] <= groups.order[place]:
            _tell(frauds, heard, said, label, groups)
            label += 1
        second = int(groups.second[place])
        known = frauds.known(second)
        for want, values in found.items():
            held = int(whole[want.window_s][place]) if want.window_s else 0
            values[place] = _read(known, want, second, held)


def _tell(
    frauds: Frauds, heard: dict[int, list[Said]], said: Telling, label: int, groups: Groups
) -> None:
    place = int(said.place[label])
    labels = heard[place]
    labels.append(Said(int(said.known[label]), bool(said.is_fraud[label])))
    # Of one time the label that was told last counts: sorting keeps their order.
    labels.sort(key=lambda one: one.known_second)
    was_normal = bool(said.was_normal[label])
    frauds.tell(str(place), int(groups.second[place]), labels, was_normal=was_normal)


def _read(known: Known, want: Want, second: int, whole: int) -> int:
    if want.window_s:
        bucket_s = TIERS[tier_of(want.window_s)].bucket_s
        end = (second // bucket_s + 1) * bucket_s
        found = value_in(known, want.aggregate, (end - want.window_s, end), whole)
    else:
        found = value(known, want.aggregate, second)
    return MISSING if isinstance(found, str) else found
