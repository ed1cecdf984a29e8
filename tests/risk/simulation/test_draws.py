import statistics

from risk.simulation.draws import Draws

COUNT = 20_000


def test_one_seed_and_name_give_the_same_numbers() -> None:
    first, second = (Draws(7, "people") for _ in range(2))

    assert [first.uniform() for _ in range(5)] == [second.uniform() for _ in range(5)]


def test_another_seed_or_name_gives_other_numbers() -> None:
    found = {Draws(seed, name).uniform() for seed in (7, 8) for name in ("people", "fraud")}

    assert len(found) == 4


def test_the_first_numbers_are_those_of_every_machine() -> None:
    draws = Draws(1, "people")

    assert [draws.uniform() for _ in range(3)] == [
        0.6457450064517765,
        0.5621688212020345,
        0.0358885523574366,
    ]


def test_a_normal_number_has_mean_0_and_deviation_1() -> None:
    draws = Draws(1, "normal")
    found = [draws.normal() for _ in range(COUNT)]

    assert abs(statistics.fmean(found)) < 0.03
    assert abs(statistics.stdev(found) - 1) < 0.03


def test_a_lognormal_number_lies_half_the_time_below_its_median() -> None:
    draws = Draws(1, "lognormal")
    below = sum(draws.lognormal(100, 0.8) < 100 for _ in range(COUNT))

    assert abs(below / COUNT - 0.5) < 0.02


def test_a_poisson_count_has_its_mean_as_mean_and_variance() -> None:
    draws = Draws(1, "poisson")
    found = [draws.poisson(2.5) for _ in range(COUNT)]

    assert abs(statistics.fmean(found) - 2.5) < 0.06
    assert abs(statistics.variance(found) - 2.5) < 0.15


def test_favourites_stand_first() -> None:
    draws = Draws(1, "favourite")
    found = [draws.favourite(range(10)) for _ in range(COUNT)]

    assert found.count(0) > 5 * found.count(9) > 0
