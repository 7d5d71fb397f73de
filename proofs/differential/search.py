"""The search: Hypothesis invents stories, both engines live through them, and the first difference is shrunk."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.errors import Flaky

from proofs.conformance.engine import Engine, EngineFailed
from proofs.conformance.replay import Replay, replay
from proofs.differential.plot import Plot
from proofs.differential.plots import plots
from proofs.differential.scene import Scene
from proofs.differential.telling import Narrator, TellerFailed

MakeEngine = Callable[[], Engine]
NOT_KEPT = Path("story.jsonl.gz")
"""Where a story would be kept, were it kept."""

SETTINGS = hypothesis.settings(
    database=None,
    deadline=None,
    derandomize=False,
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


@dataclass(frozen=True)
class Found:
    """A difference.

    Attributes:
        lines: makes the story's JSON lines under a name.
        replay: the story's replay on the right engine; without a mismatch when `failure` says it all.
        failure: what an engine died of, when it did not get to the end of the story.
        repeats: whether the same story gave the same difference every time.
    """

    lines: Callable[[str], list[bytes]]
    replay: Replay
    failure: str | None = None
    repeats: bool = True


@dataclass
class Tally:
    """What was tried: stories and steps, those of shrinking included."""

    stories: int = 0
    steps: int = 0


class _Differs(Exception):
    """This story makes a difference."""


class _Restarting:
    """An engine that is made anew after it failed."""

    def __init__(self, make: MakeEngine) -> None:
        self._make = make
        self._engine: Engine | None = None

    def __enter__(self) -> "_Restarting":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._engine is not None:
            self._engine.__exit__(kind, error, at)

    def ready(self) -> Engine:
        """An engine that has not failed."""
        if self._engine is None:
            self._engine = self._make().__enter__()
        return self._engine

    def failed(self, failure: EngineFailed) -> None:
        """Give this one up."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.__exit__(type(failure), failure, failure.__traceback__)


class Search:
    """One search for a difference between two engines.

    Attributes:
        tally: what has been tried so far.
    """

    def __init__(self, left: MakeEngine, right: MakeEngine, on_story: Callable[[Tally], None] | None = None) -> None:
        self.tally = Tally()
        self._makers = (left, right)
        self._on_story = on_story
        self._found: Found | None = None

    def run(self, examples: int, seed: int, chapters: int | None = None) -> Found | None:
        """Try so many stories; a difference is shrunk, which tries more.

        Args:
            examples: how many stories to invent; fewer if there are no more.
            seed: the same seed invents the same stories.
            chapters: how long a story may be; None for the usual.

        Raises:
            EngineFailed: an engine cannot even set up a port, or the left one failed in a story.
        """
        left, right = map(_Restarting, self._makers)

        @hypothesis.seed(seed)
        @hypothesis.settings(SETTINGS, max_examples=examples)
        @hypothesis.given(plots() if chapters is None else plots(chapters))
        def every_story_is_lived_through_alike(plot: Plot) -> None:
            found = self._try(plot, left.ready(), right)
            self.tally.stories += 1
            if self._on_story:
                self._on_story(self.tally)
            if found:
                self._found = found
                raise _Differs

        try:
            with left, right:
                for engine in (left, right):
                    Narrator(engine.ready(), Scene())
                every_story_is_lived_through_alike()
        except _Differs:
            return self._found
        except Flaky:
            assert self._found is not None
            return replace(self._found, repeats=False)
        return None

    def _try(self, plot: Plot, left: Engine, right: _Restarting) -> Found | None:
        """Tell a story on the left, replay it on the right."""
        narrator = Narrator(left, plot.scene)
        failure: str | None = None
        try:
            plot.tell(narrator)
        except TellerFailed as error:
            failure = f"the left engine raised {error}"
        story = narrator.recording(NOT_KEPT)
        self.tally.steps += len(story.steps)
        done = Replay(story, 0, 0, None)
        if failure is None:
            try:
                done = replay(story, right.ready())
            except EngineFailed as error:
                right.failed(error)
                failure = str(error)
        if failure is None and done.equal:
            return None
        return Found(narrator.lines, done, failure)
