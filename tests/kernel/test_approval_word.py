"""Which word a hook of crewAI takes for consent."""

import json

import pytest

from crewai_hitl_nb.kernel.gates.approval_word import STOCK_MESSAGE, approval_word


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
        ("Approve/Reject", "Approve"),
        ('Enter "CONFIRM" to proceed', "CONFIRM"),
        ("Type yes to continue", "yes"),
        ("Type 'yes' to approve, or press Enter to cancel:", "yes"),
        ("Type 'stop' to abort or press Enter to go on", ""),
        ("Hit return", ""),
        ("(YES/NO)", "YES"),
        ("[Y/n/always]", "y"),
        ("[y]es / [n]o", "y"),
        ("(y=allow, n=deny)", "y"),
        ("1) approve  2) reject", "1"),
        ("(ja/nein)", "ja"),
        ("(s/n)", "s"),
        ("Reply YES", "YES"),
        ("yes to run it, anything else to stop", "yes"),
        ("Enter no to stop", "approve"),
        # nothing to go by
        ("", "approve"),
        ("Your decision:", "approve"),
        ("Press Enter to cancel", "approve"),
        ("Type 'one' for this call, 'all' for every call", "approve"),
        ("Don't worry, it's fine", "approve"),
    ],
)
def test_the_word_is_the_one_that_the_message_asks_for(message: str, word: str) -> None:
    assert approval_word(message, "") == word


def test_the_word_is_found_in_the_prompt_if_the_message_has_none() -> None:
    assert approval_word("> ", "Delete it? (y/n)") == "y"
    assert approval_word("Type 'go' to run", "Delete it? (y/n)") == "go"


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("Run pay with {'amount': '5'}? (yes/no)", "yes"),
        ("Run it? Type 'go' to run", "go"),
        ("Run it? Reply yes", "yes"),
        ("Delete 'sales.csv'? [y/N]", "y"),
        ("Delete 'sales.csv'?", ""),
        ("Comment?", ""),
    ],
)
def test_crewais_stock_message_counts_only_if_the_prompt_names_no_word(
    prompt: str, word: str
) -> None:
    assert approval_word(STOCK_MESSAGE, prompt) == word


def test_arguments_quoted_in_a_prompt_are_not_the_word_to_type() -> None:
    arguments = {"mode": "allow"}

    for shown in (str(arguments), json.dumps(arguments), json.dumps(arguments, indent=2)):
        assert approval_word("> ", f"Call it with {shown}? (y/n)", arguments) == "y"
