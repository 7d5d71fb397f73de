"""Every kept story ends in equality."""

import pytest

from proofs.equivalence import vpc
from proofs.equivalence.stage import Stage
from proofs.equivalence.stories import STORIES, UPSTREAM_STORIES, Story
from proofs.equivalence.world import World
from reference.semantics import Semantics


@pytest.mark.parametrize("semantics", vpc.SEMANTICS)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_story_ends_in_equality(story: Story, semantics: str) -> None:
    stage = Stage(World(vpc.SEMANTICS[semantics]))
    story(stage)
    stage.compare()


@pytest.mark.parametrize("story", UPSTREAM_STORIES, ids=lambda story: story.__name__)
def test_the_story_ends_in_equality_under_upstream_semantics(story: Story) -> None:
    stage = Stage(World(Semantics.UPSTREAM))
    story(stage)
    stage.compare()
