"""Every command of vdx in the documents is run as it is printed: where, and by what its dear part.

A server is not started there, gigabytes are not fetched, and nobody talks for an hour: a command is
run up to that, with every option that is printed. `DEAR` names the tests that do the rest.
"""

import pytest

from tests.documents import ROOT
from tests.server.test_documented import ON_A_SERVER
from tests.unit import (
    test_documented_measured,
    test_documented_models,
    test_documented_servers,
)
from tests.unit.cli.test_completion import INSTALLS
from tests.unit.test_documented_commands import CALLS, LOCAL, of_shell

RUN = {
    "here, against a server of a table": {line for line, _ in CALLS},
    "about files": {*LOCAL},
    "up to the first server": {*test_documented_servers.PRINTED},
    "against small models": test_documented_models.RUN,
    "up to the measurement": test_documented_measured.RUN,
    "against a running server": {*ON_A_SERVER},
    "in a shell": {INSTALLS},
}
DEAR = {
    "bench faults": ("bench/test_benches.py", "test_a_long_bench_measures"),
    "bench observed": ("bench/test_benches.py", "test_a_bench_of_two_ways_measures_both"),
    "bench refused": ("bench/test_benches.py", "test_a_bench_of_two_ways_measures_both"),
    "bench soak": ("bench/test_benches.py", "test_a_long_bench_measures"),
    "bench turn": ("bench/test_benches.py", "test_a_bench_measures_and_its_json_is_well_formed"),
    "frontend --manager": (
        "security/test_mutual_tls.py",
        "test_who_has_a_certificate_is_served_and_nobody_else",
    ),
    "frontend --port 8080 --manager": (
        "security/test_manager_tls.py",
        "test_who_has_a_certificate_leases_and_nobody_else",
    ),
    "frontend --port 8081 --manager": (
        "faults/test_two_hosts.py",
        "test_a_host_is_cut_off_and_healed_and_one_is_upgraded",
    ),
    "frontend --set registry.url": (
        "faults/test_fleet.py",
        "test_eight_people_hear_whole_replies_whatever_becomes_of_their_voices",
    ),
    "manager": (
        "security/test_manager_tls.py",
        "test_who_has_a_certificate_leases_and_nobody_else",
    ),
    "say": ("triton/test_commands.py", "test_a_text_is_spoken_into_a_file"),
    "say Hello. --voice XTTS-v2": (
        "neural/test_families.py",
        "test_the_voice_of_a_recording_is_computed_once",
    ),
    "say Hello. --voice csm-1b": (
        "neural/test_families.py",
        "test_the_voice_of_a_recording_is_computed_once",
    ),
    "say Hello. --voice csm-1b/1": ("neural/test_families.py", "test_it_speaks"),
    "say Hello. --voice csm-1b/jo": (
        "neural/test_families.py",
        "test_a_clone_is_spoken_with_as_a_speaker",
    ),
    "setup": ("unit/cli/test_setup.py", "test_second_build_does_nothing"),
    "setup --japanese": ("unit/cli/test_setup.py", "test_an_extra_is_added_from_its_list_alone"),
    "setup --neural": ("unit/cli/test_setup.py", "test_an_extra_is_added_again_after_a_rebuild"),
    "triton": ("faults/test_triton_command.py", "test_a_closed_terminal_stops_it_as_sigterm_does"),
    "triton --announce": (
        "faults/test_two_hosts.py",
        "test_a_host_is_cut_off_and_healed_and_one_is_upgraded",
    ),
    "up": ("triton/test_commands_up.py", "test_up_proves_a_turn_and_says_where_to_go"),
    "up --config": ("unit/test_examples.py", "test_an_example_is_valid_and_sets_something"),
    "up --livekit": ("security/test_triton_closed.py", "test_only_the_intended_ports_are_open"),
    "up --recogniser": ("server/test_voices.py", "test_up_starts_with_what_it_was_told"),
    "up --responder chat": (
        "unit/cli/test_welcome.py",
        "test_an_apology_is_no_proof_and_the_endpoint_is_named",
    ),
    "up --set profiles.vdx.recogniser": (
        "triton/test_grammar.py",
        "test_a_recogniser_is_made_used_and_removed",
    ),
    "up --tritons": ("faults/test_two_tritons.py", "test_one_is_killed_and_every_reply_goes_on"),
    "up --voice": ("server/test_voices.py", "test_up_starts_with_what_it_was_told"),
    "voices add": ("unit/cli/test_voices.py", "test_the_trained_model_is_added_and_tried"),
    "voices add ~/XTTS-v2": ("neural/test_xtts.py", "test_it_is_added_with_what_it_is"),
    "voices add ~/csm-1b": ("neural/test_csm.py", "test_it_is_added_with_what_it_is"),
    "voices pull": (
        "unit/cli/test_voices.py",
        "test_the_commands_of_the_readme_fetch_what_they_name",
    ),
    "voices pull kokoro-ja": (
        "unit/serving/test_starters.py",
        "test_out_of_a_package_where_the_hub_does_not_answer",
    ),
}
"""By the first words of a command: the file below `tests`, and the test of what is left out."""


def dear(command: str) -> str:
    """The longest entry of the table that a command begins with; empty where there is none."""
    return max((key for key in DEAR if f"{command} ".startswith(key)), key=len, default="")


def test_every_command_is_run_as_it_is_printed() -> None:
    assert of_shell() - set().union(*RUN.values()) == set()


def test_the_dear_part_of_a_command_is_done_by_a_test_that_is_named() -> None:
    left_out = (
        *RUN["up to the first server"],
        *RUN["against small models"],
        *RUN["up to the measurement"],
    )
    whole = ("plan", "voices clone", "voices remove", "voices add csm-lora")
    lines = [line for line in left_out if line in of_shell() and not line.startswith(whole)]
    assert [line for line in lines if not dear(line)] == []


@pytest.mark.parametrize("words", DEAR)
def test_the_test_of_the_dear_part_is_there(words: str) -> None:
    assert words in {dear(line) for line in of_shell()}, "no document prints it any more"
    file, name = DEAR[words]
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
