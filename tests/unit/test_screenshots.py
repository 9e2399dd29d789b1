"""The pictures of the README show no words that were misheard."""

import pytest

from tests.browser.screenshots import require_heard, require_no_failure


@pytest.mark.parametrize("heard", ["go forward ten meters", "Go forward 10 metres."])
def test_a_picture_of_what_was_said_is_taken(heard: str) -> None:
    require_heard(f"You\n{heard}\nvdx\nTen meters forward.")


def test_a_picture_of_a_server_that_failed_is_refused() -> None:
    require_no_failure([])
    with pytest.raises(ValueError, match="triton: timeout"):
        require_no_failure(["triton: timeout"])


@pytest.mark.parametrize("heard", ["go forward ten years", "", "go for"])
def test_a_picture_of_misheard_words_is_refused(heard: str) -> None:
    with pytest.raises(ValueError, match="misheard"):
        require_heard(f"You\n{heard}\nvdx\nGo forward ten meters, you said.")
