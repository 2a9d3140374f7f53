"""National Metering Identifiers: the check digit and the blocks that are allocated to each distributor."""

from __future__ import annotations

from dataclasses import dataclass

_DIGITS = 10


@dataclass(frozen=True)
class Network:
    """A distributor's area.

    Attributes:
        jurisdiction: state or territory.
        distributor: its name as plans and service points write it.
        blocks: leading characters of the NMIs allocated to it.
        tariff_codes: network tariff codes (residential, residential time of use, controlled load, business).
    """

    jurisdiction: str
    distributor: str
    blocks: tuple[str, ...]
    tariff_codes: tuple[str, str, str, str]


NETWORKS = (
    Network("NSW", "Ausgrid", ("4102", "4103", "NCCC"), ("EA010", "EA025", "EA030", "EA225")),
    Network("VIC", "Powercor", ("6203", "VCCC"), ("PRSD", "PRTOU", "PRCL", "PNSTOU")),
    Network("QLD", "Energex", ("31", "QB"), ("8400", "6900", "9000", "6800")),
    Network("SA", "SA Power Networks", ("2001", "SAAA", "SASM"), ("RSR", "RTOU", "RCL", "BTOU")),
    Network("WA", "Western Power", ("8001", "WAAA"), ("RT1", "RT13", "RT1C", "RT6")),
    Network("TAS", "TasNetworks", ("8000", "8590", "T"), ("TAS31", "TAS93", "TAS41", "TAS94")),
    Network("ACT", "Evoenergy", ("7001", "NGGG"), ("010", "017", "060", "090")),
    Network("NT", "Power and Water", ("7102",), ("RESFLAT", "RESTOU", "RESCL", "BUSTOU")),
    Network("NSW", "Endeavour", ("4310", "NEEE"), ("N70", "N71", "N50", "N91")),
    Network("NSW", "Essential Energy", ("4001", "4204", "4407", "NAAA"), ("BLNN2AU", "BLNT3AU", "BLNC1AU", "BLNT2AU")),
    Network("VIC", "CitiPower", ("6102", "VAAA"), ("CRSD", "CRTOU", "CRCL", "CNSTOU")),
    Network("VIC", "AusNet Services", ("6305", "VBBB"), ("NEE11", "NAST11", "NEE13", "NSP21")),
    Network("VIC", "Jemena", ("6001", "VDDD"), ("A100", "A10I", "A180", "A200")),
    Network("VIC", "United Energy", ("6407", "VEEE"), ("LVS1R", "URTOU", "LVDed", "LVM1R")),
    Network("QLD", "Ergon Energy", ("30", "QAAA", "QCCC", "QGGG"), ("ERIBT1", "ERTOUT1", "ERCL1", "EBTOUT1")),
)  # fmt: skip

# One turn of the wheel: every jurisdiction within the first eight, then by size of the market.
WHEEL = (0, 1, 2, 3, 4, 5, 6, 7, 0, 8, 9, 10, 11, 2, 14, 12, 13, 0, 2, 8, 1, 3, 4, 9, 2, 11, 0, 10, 14, 4, 12, 3)


def check_digit(nmi: str) -> int:
    """Give the check digit of a ten-character NMI.

    From the right, every second character's ASCII code is doubled beginning with the rightmost; all digits are
    added; the check digit is what is missing to the next multiple of ten.
    """
    total = 0
    for position, character in enumerate(reversed(nmi)):
        code = ord(character) * (2 if position % 2 == 0 else 1)
        total += sum(int(digit) for digit in str(code))
    return -total % _DIGITS


def with_wrong_check_digit(nmi: str) -> str:
    """Print an NMI with an eleventh character that is not its check digit."""
    return nmi + str((check_digit(nmi) + 3) % _DIGITS)


def build_nmi(block: str, number: int) -> str:
    """Fill a block up to ten characters; numbers are spread so that neighbours do not look alike."""
    places = _DIGITS - len(block)
    # 7919 shares no factor with ten, so the spread never meets itself.
    return block + str(number * 7919 % 10**places).zfill(places)
