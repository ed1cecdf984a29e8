import pytest

from tests.support.terminal import Terminal


@pytest.mark.usefixtures("merchant_id")
def test_a_sound_folder_ends_with_0_and_says_so(payguard: Terminal) -> None:
    result = payguard("doctor", PAYGUARD_PORT="1")

    assert result.exit_code == 0
    assert "0 failed" in result.stdout


def test_a_failed_check_ends_with_1_and_says_what_to_do(payguard: Terminal) -> None:
    payguard.home.chmod(0o755)

    result = payguard("doctor")

    assert result.exit_code == 1
    assert f"next: chmod 700 {payguard.home}" in result.stdout


def test_a_program_gets_every_check(payguard: Terminal) -> None:
    report = payguard.json("doctor")

    assert {one["state"] for one in report["checks"]} <= {"ok", "warn", "fail"}
    assert report["failed"] == 0
