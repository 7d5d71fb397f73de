"""Which corrections explain that a recording is not reproduced: with these flags off, and all others on, it is.

The search goes from the corrected semantics towards upstream's. It turns off a flag that takes the replay further, one
after the other, those first that have explained most so far; when none does alone, all that are left. What it ends
with is thinned out until each flag is needed. A replay ends at its first difference, so that most of them are short.
"""

from collections import Counter
from collections.abc import Callable

from proofs.conformance.engine import Engine
from proofs.conformance.recording import Recording
from proofs.conformance.replay import Replay, replay
from reference.semantics import Semantics


class Attribution:
    """Explains recordings, and learns from each which flags to try first.

    Attributes:
        counts: how many recordings each flag has been needed for.
    """

    def __init__(self, make_engine: Callable[[Semantics], Engine], on_step: Callable[[], None] | None = None) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(Semantics.names(), 0))
        self._make_engine = make_engine
        self._on_step = on_step

    def explain(self, recording: Recording, seen: Replay) -> tuple[str, ...] | None:
        """A set of flags that explains the differences of a recording, from which none may be left out.

        Args:
            recording: one that the corrected semantics do not reproduce.
            seen: that replay.

        Returns:
            The flags in their order; None when even upstream's semantics do not reproduce the recording.
        """
        off = self._enough(recording, seen)
        if off is None:
            return None
        for flag in sorted(off, key=self._rank, reverse=True):
            if self._replay(recording, off - {flag}).equal:
                off -= {flag}
        self.counts.update(off)
        return tuple(flag for flag in Semantics.names() if flag in off)

    def _enough(self, recording: Recording, done: Replay) -> frozenset[str] | None:
        """Flags that explain the recording, perhaps with some that do not matter."""
        off: frozenset[str] = frozenset()
        while not done.equal:
            further = self._one_further(recording, off, done)
            if further is None:
                off = frozenset(Semantics.names())
                return off if self._replay(recording, off).equal else None
            off, done = further
        return off

    def _one_further(
        self, recording: Recording, off: frozenset[str], done: Replay
    ) -> tuple[frozenset[str], Replay] | None:
        for flag in sorted(set(Semantics.names()) - off, key=self._rank):
            trial = self._replay(recording, off | {flag})
            if _progress(trial) > _progress(done):
                return off | {flag}, trial
        return None

    def _rank(self, flag: str) -> tuple[int, str]:
        return -self.counts[flag], flag

    def _replay(self, recording: Recording, off: frozenset[str]) -> Replay:
        return replay(recording, self._make_engine(Semantics.CORRECT.without(*off)), self._on_step)


def _progress(done: Replay) -> tuple[bool, int, int]:
    """How far a replay got: equal, else the steps compared, and in the step after them as few differences as can be."""
    differences = 0 if done.mismatch is None else len(done.mismatch.differences)
    return done.equal, done.compared, -differences
