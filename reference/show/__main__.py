"""`python -m reference.show TRACE [--step N]`: a recording as a story, replayed on the reference.

Exit status: 0, or 2 when the recording cannot be read, or has no such step.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from reference.recorded.lines import UnreadableRecording
from reference.semantics import Semantics
from reference.show.episodes import Story
from reference.show.page import Page

UNREADABLE = 2
SEMANTICS = {"upstream": Semantics.UPSTREAM, "correct": Semantics.CORRECT}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the story; returns the exit status."""
    wanted = _parser().parse_args(arguments)
    page = Page(shutil.get_terminal_size((120, 24)).columns)
    try:
        for line in _lines(Story(wanted.trace, SEMANTICS[wanted.semantics]), page, wanted.step):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except UnreadableRecording as fault:
        sys.stdout.flush()
        sys.stderr.write(f"{fault}\n")
        return UNREADABLE
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _lines(story: Story, page: Page, step: int | None) -> Iterator[str]:
    """The whole story in short, or one step in full."""
    if step is None:
        yield from page.title(story.header)
    count = 0
    for episode in story.episodes():
        if step is None:
            yield from page.short(episode)
        elif count == step:
            yield from page.full(episode)
            return
        count += 1
    if step is not None:
        last = f"the last step is {count - 1}" if count else "there are no steps"
        raise UnreadableRecording(story.path, 0, f"no step {step}; {last}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.show", description="Tell a recording as a story, replayed on the reference."
    )
    parser.add_argument("trace", type=Path, metavar="TRACE", help="a recording (.jsonl, plain or gzip)")
    parser.add_argument("--step", type=_step_number, metavar="N", help="one step in full, tables before and after")
    parser.add_argument(
        "--semantics", choices=SEMANTICS, default="upstream", help="as recorded, or without upstream's defects"
    )
    return parser


def _step_number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
