import pytest

from sandbox.nmi import NETWORKS, build_nmi, check_digit, with_wrong_check_digit


@pytest.mark.parametrize(
    ("nmi", "digit"),
    [("2001985732", 8), ("QAAAVZZZZZ", 3), ("6305888444", 6), ("NGGG000055", 4), ("VKTS786150", 2)],
)
def test_check_digit_published_examples_agree(nmi, digit):
    assert check_digit(nmi) == digit


def test_build_nmi_many_numbers_are_distinct_and_ten_long():
    built = {build_nmi("WAAA", number) for number in range(20_000)}
    assert len(built) == 20_000
    assert {len(nmi) for nmi in built} == {10}


def test_blocks_of_networks_never_begin_like_each_other():
    blocks = [block for network in NETWORKS for block in network.blocks]
    clashes = [(a, b) for a in blocks for b in blocks if a != b and b.startswith(a)]
    assert clashes == []


def test_with_wrong_check_digit_is_eleven_long_and_wrong():
    printed = with_wrong_check_digit("2001985732")
    assert len(printed) == 11
    assert printed[-1] != "8"
