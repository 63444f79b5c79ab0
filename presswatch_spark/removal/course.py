"""The course of a case, round by round: what is kept of all rounds is one summary of each target.

A case that is probed each day has millions of probes after a year. So a round is read, taken into account and
let go; memory depends on the targets and on the largest round, not on the number of rounds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from presswatch_spark.removal import states
from presswatch_spark.removal.alarms import Alarm, Alarms
from presswatch_spark.removal.resolving import Places
from presswatch_spark.removal.states import Followed, State

Row = Mapping[str, Any]


class Course:
    """How a case went up to a round.

    `rounds` and `probes`: how many there are. `newest`: the digest of the last probe, empty if there is none;
    `asked_at`: when it was. `read_at`: when each target was last read, unless something else was found there
    since. `places`: where the targets are that no scan has found.
    """

    def __init__(self, targets: Sequence[dict[str, Any]]) -> None:
        self.rounds, self.probes, self.newest = 0, 0, ""
        self.asked_at: datetime | None = None
        self._asked = (0, 0)
        self.read_at: dict[str, datetime] = {}
        self.places = Places(targets)
        self._followed = {target["target_sha256"]: Followed() for target in targets}
        self._alarms = Alarms()

    def add(self, probes: Sequence[Row]) -> None:
        """Take the probes of the next round into account: all of them, in their order."""
        if not probes:
            return
        self.rounds, self.probes = self.rounds + 1, self.probes + len(probes)
        self.newest, self.asked_at = probes[-1]["probe_sha256"], probes[-1]["asked_at"]
        self.places.learn(probes)
        self._note_readings(probe for probe in probes if probe["role"] == "target")
        self._alarms.add(probes, self._states_after(probes))

    def _states_after(self, probes: Sequence[Row]) -> dict[str, State]:
        """Return the states of the targets that a round asked for, after it."""
        asked, index, captures = (dict[str, list[Row]]() for _ in range(3))
        by_role = {"target": asked, "index": index, states.RECAPTURE: captures}
        controls = dict[tuple[int, int], list[Row]]()
        for probe in probes:
            if (of_role := by_role.get(probe["role"])) is not None:
                of_role.setdefault(probe["target_sha256"], []).append(probe)
            elif probe["role"] not in (states.YIELD, states.PLACE):
                controls.setdefault((probe["round"], probe["batch"]), []).append(probe)
        self._asked = probes[0]["round"], len(asked)
        for target in captures.keys() - asked.keys():
            self._followed[target].note(captures[target])
        return {
            target: followed.add(asked[target], controls, index.get(target, ()), captures.get(target, ()))
            for target, followed in self._followed.items()
            if target in asked
        }

    def _note_readings(self, probes: Iterable[Row]) -> None:
        silent = {states.DENIED, *states.FAILURES}
        for probe in probes:
            if probe["outcome"] in states.READS:
                self.read_at[probe["target_sha256"]] = probe["asked_at"]
            elif probe["outcome"] not in silent:
                self.read_at.pop(probe["target_sha256"], None)

    def asked_in(self, number: int) -> int:
        """Return how many targets a round asked for, if it is the last that has probes; else 0."""
        return self._asked[1] if self._asked[0] == number else 0

    def states(self) -> dict[str, State]:
        """Return the state of each target, by its digest."""
        return {target: followed.state for target, followed in self._followed.items()}

    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms of all rounds, each in the round that brought it."""
        return self._alarms.found
