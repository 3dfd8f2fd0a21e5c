"""What a test of an attack tells the table beside that it passed."""

from collections.abc import Callable

from tests.harness.bystander import Latencies


class Report:
    """The table's ear.

    Args:
        record: The fixture ``record_property``.
    """

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def cases(self, count: int) -> None:
        """Say how many cases the test tried, if not one."""
        self._record("cases", count)

    def seen(self, words: str) -> None:
        """Say what was seen."""
        self._record("seen", words)

    def noticed(self, quiet: Latencies, attack: Latencies, *, in_turns: bool = False) -> None:
        """Say what a bystander noticed: reported, not judged, since it depends on what else the machine does.

        Args:
            quiet: Without the attack.
            attack: During it.
            in_turns: Both were measured in turns, which the table prefers.
        """
        assert attack.calls > 0
        self._record("quiet_p99_ms", quiet.p99)
        self._record("attack_p99_ms", attack.p99)
        self._record("in_turns", in_turns)
