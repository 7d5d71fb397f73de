"""How far searches have come, for the documentation: a row for each scenario, a column for each memory model."""

from collections.abc import Iterable, Sequence

from proofs.interleavings.catalogue import SCENARIOS
from proofs.interleavings.finding import Finding, Verdict
from proofs.interleavings.memory_model import MemoryName


def coverage(findings: Iterable[Finding]) -> str:
    """A Markdown table of searches, and below it how many of them came to their end, by number of threads.

    A cell has the states, or else the executions, that there are; "> 1,234" where a search was given up after so many;
    and what failed, where one did.
    """
    found = {(each.case.scenario, each.case.design, each.case.memory): each for each in findings}
    rows = list(dict.fromkeys((scenario, design) for scenario, design, _ in found))
    titles = ("scenario", "design", "threads", *MemoryName)
    lines = [f"| {' | '.join(titles)} |", "|---|---|" + "--:|" * (len(titles) - 2)]
    for scenario, design in rows:
        cells = (_cell(found.get((scenario, design, memory))) for memory in MemoryName)
        lines.append(f"| {scenario} | {design.value} | {len(SCENARIOS[scenario].threads)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_totals(found.values()), ""])


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ""
    if finding.verdict is Verdict.FAILS:
        return f"{(finding.failure or '').partition(':')[0]} after {finding.executions:,}"
    count = f"{finding.states:,} states" if finding.states else f"{finding.executions:,}"
    return f"{'' if finding.verdict is Verdict.HOLDS else '> '}{count}"


def _totals(findings: Iterable[Finding]) -> list[str]:
    by_threads: dict[int, list[Finding]] = {}
    for finding in findings:
        by_threads.setdefault(len(finding.case.found.threads), []).append(finding)
    return [f"{threads} threads: {_total(group)}  " for threads, group in sorted(by_threads.items())]


def _total(group: Sequence[Finding]) -> str:
    ended = sum(each.verdict is Verdict.HOLDS for each in group)
    states, executions = sum(each.states for each in group), sum(each.executions for each in group)
    seconds = sum(each.seconds for each in group)
    return (
        f"{ended} of {len(group)} searches ended, {states:,} states and {executions:,} executions in {seconds:,.0f} s."
    )
