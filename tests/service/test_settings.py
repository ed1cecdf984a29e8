"""Settings: an unknown name is refused, a bad value is named and never shown."""

import traceback
from pathlib import Path

import pytest

from service.settings import PREFIX, Settings, SettingsInvalid, read_settings

SECRET = "s3cret-value"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_values_have_their_types() -> None:
    settings = read_settings(
        {
            "PAYGUARD_DATA_DIR": "/srv/payguard",
            "PAYGUARD_ROOT_KEY_FILE": "/etc/root.key",
            "PAYGUARD_PORT": "9000",
            "PAYGUARD_LOG_LEVEL": "debug",
            "HOME": "somewhere",
        }
    )

    assert settings.data_dir == Path("/srv/payguard")
    assert settings.root_file == Path("/etc/root.key")
    assert (settings.port, settings.log_level) == (9000, "debug")
    assert settings.database_file.parent == settings.socket_file.parent == settings.data_dir


@pytest.mark.parametrize(
    "name", ["PAYGUARD_PROT", "PAYGUARD_", "PAYGUARD_data_dir", "PAYGUARD_Port", "PAYGUARD_TESTS"]
)
def test_an_unknown_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read_settings({name: SECRET})

    assert str(refused.value).startswith(f"{name} ")
    assert SECRET not in str(refused.value)


def test_what_only_tests_set_is_left_alone() -> None:
    assert read_settings({"PAYGUARD_TEST_PROFILE": "full", "PAYGUARD_TEST_X": ""}) == Settings()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("port", value) for value in ("-1", "65536", "", SECRET, "1 ", "0x50", "9" * 40)),
        *(("workers", value) for value in ("0", "65")),
        *(("threads", value) for value in ("0", "257")),
        *(("reader_connections", value) for value in ("0", "257")),
        *(("deadline_ms", value) for value in ("99", "60001")),
        *(("trusted_proxies", value) for value in ("-1", "6")),
        *(("queue_length_max", value) for value in ("15", "1000001")),
        *(("entity_cache_mib", value) for value in ("0", "1000001")),
        *(("timer_poll_ms", value) for value in ("9", "60001")),
        *(("rate_per_minute", value) for value in ("0", "10000001")),
        *(("log_level", value) for value in (SECRET, "DEBUG", "")),
        *(("host", value) for value in ("", "h" * 256)),
        ("issuer", ""),
        ("data_dir", ""),
        ("root_key_file", ""),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read_settings({f"{PREFIX}{field.upper()}": value})

    assert str(refused.value).startswith(f"PAYGUARD_{field.upper()}: ")
    shown = "".join(traceback.format_exception(refused.value))
    assert not value or len(value) < 3 or value not in shown


def test_both_ends_of_a_range_are_taken() -> None:
    assert read_settings({"PAYGUARD_PORT": "0"}).port == 0
    assert read_settings({"PAYGUARD_PORT": "65535"}).port == 65_535


def test_the_severity_is_that_of_the_standard_library() -> None:
    assert read_settings({"PAYGUARD_LOG_LEVEL": "warning"}).severity == 30
