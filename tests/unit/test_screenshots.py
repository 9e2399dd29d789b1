"""The pictures of the README show no words that were misheard."""

import pytest

from tests.browser.screenshots import require_heard


@pytest.mark.parametrize("heard", ["go forward ten meters", "Go forward 10 metres."])
def test_a_picture_of_what_was_said_is_taken(heard: str) -> None:
    require_heard(f"You\n{heard}\nvdx\nTen meters forward.")


@pytest.mark.parametrize("heard", ["go forward ten years", "", "go for"])
def test_a_picture_of_misheard_words_is_refused(heard: str) -> None:
    with pytest.raises(ValueError, match="misheard"):
        require_heard(f"You\n{heard}\nvdx\nGo forward ten meters, you said.")
