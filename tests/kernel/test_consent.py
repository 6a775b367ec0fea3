"""Which word a hook of crewAI takes for consent."""

import pytest

from crewai_hitl_nb.kernel.gates.consent import word_of_consent


@pytest.mark.parametrize(
    ("message", "word"),
    [
        # as crewAI's own examples and public hooks have it
        ("Type 'approve' to continue:", "approve"),
        ("Type 'no' to skip, or press Enter:", ""),
        ("Press Enter to continue, or provide feedback:", ""),
        ("Type 'approve' to allow this tool call: ", "approve"),
        ("Type 'y' to approve:", "y"),
        ("Type 'yes' to continue, 'no' to cancel:", "yes"),
        ("Type 'yes' to approve or 'no' to reject:", "yes"),
        ("Onaylamak için 'evet' yazın:", "evet"),
        ("Digite 'sim' para continuar:", "sim"),
        # other usual ways
        ("[y/N]", "y"),
        ("(yes/no)", "yes"),
        ("yes or no?", "yes"),
        ("no/yes", "yes"),
        ("Approve/Reject", "approve"),
        ('Enter "CONFIRM" to proceed', "CONFIRM"),
        ("Type yes to continue", "yes"),
        ("Type 'yes' to approve, or press Enter to cancel:", "yes"),
        ("Type 'stop' to abort or press Enter to go on", ""),
        ("Hit return", ""),
        # nothing to go by
        ("", "approve"),
        ("Your decision:", "approve"),
        ("Press Enter to cancel", "approve"),
        ("Type 'one' for this call, 'all' for every call", "approve"),
        ("Don't worry, it's fine", "approve"),
    ],
)
def test_the_word_is_the_one_that_the_message_asks_for(message: str, word: str) -> None:
    assert word_of_consent(message, "") == word


def test_the_prompt_is_read_where_the_message_says_nothing() -> None:
    assert word_of_consent("> ", "Delete it? (y/n)") == "y"
    assert word_of_consent("Type 'go' to run", "Delete it? (y/n)") == "go"
