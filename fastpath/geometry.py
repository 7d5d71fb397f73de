"""How large an arena is: the sizes of its regions, and where each begins."""

from dataclasses import dataclass

from fastpath.layout import (
    BUCKET_MASK,
    BUCKET_WORDS,
    BUCKETS_AT,
    CLAIM_MASK,
    CLAIMS_AT,
    ENTRIES_AT,
    ENTRY_COUNT,
    ENTRY_NUMBERS_AT,
    ENTRY_WORDS,
    FLOW_COUNT,
    FLOW_NUMBERS_AT,
    FLOW_WORDS,
    FLOWS_AT,
    GREATEST_THREADS,
    HEADER_WORDS,
    LINE,
    POOL_WORDS,
    POOLS_AT,
    SLOTS,
    THREAD_COUNT,
    THREAD_WORDS,
    THREADS_AT,
    TRANSFORM_COUNT,
    TRANSFORM_INDEX_AT,
    TRANSFORM_INDEX_MASK,
    TRANSFORM_NUMBERS_AT,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
)


def whole_lines(words: int) -> int:
    """So many words, rounded up to whole cache lines."""
    return -(-words // LINE) * LINE


@dataclass(frozen=True)
class Geometry:
    """Sizes of an arena's regions, in records.

    Attributes:
        entries: halves that can be held at once, in both directions together.
        spare: further entries and flow records, so that retired ones can wait for their grace period.
        threads: threads that may be inside a batch, at most `GREATEST_THREADS`; more raise `ValueError`.
        pools: pools of ports; `POOLS` for a port whose misses are compiled.
    """

    entries: int
    spare: int = 1024
    threads: int = 64
    pools: int = 0

    def __post_init__(self) -> None:
        if self.threads > GREATEST_THREADS:
            raise ValueError(f"threads={self.threads}: at most {GREATEST_THREADS} can be told apart")

    @property
    def buckets(self) -> int:
        """A power of two that leaves at least half of the slots empty when every entry is in use."""
        return 1 << max(3, (2 * self.entries // SLOTS).bit_length())

    @property
    def entry_records(self) -> int:
        """Entries with the spare ones, and the unused record 0."""
        return self.entries + self.spare + 1

    @property
    def flow_records(self) -> int:
        """One for each pair of halves at the most, spare ones, and the unused record 0."""
        return self.entries + self.spare + 1

    @property
    def transform_records(self) -> int:
        """One for each entry in a small arena; many flows share one in a large one. And the unused record 0."""
        return min(self.entries + self.spare, 1 << 16) + 1

    @property
    def transform_index(self) -> int:
        """Words of the index: a power of two, at most half of them in use."""
        return 1 << (2 * self.transform_records).bit_length()

    @property
    def claims(self) -> int:
        """Words that count claims: a power of two, so many that few keys share one."""
        return 1 << max(6, (2 * self.entries).bit_length())

    def offsets(self) -> dict[int, int]:
        """The geometry words of the header and their values."""
        threads_at = HEADER_WORDS
        buckets_at = threads_at + self.threads * THREAD_WORDS
        entries_at = buckets_at + self.buckets * BUCKET_WORDS
        flows_at = entries_at + self.entry_records * ENTRY_WORDS
        transforms_at = flows_at + self.flow_records * FLOW_WORDS
        index_at = transforms_at + self.transform_records * TRANSFORM_WORDS
        claims_at = index_at + self.transform_index
        entry_numbers_at = claims_at + self.claims
        flow_numbers_at = entry_numbers_at + whole_lines(self.entry_records)
        transform_numbers_at = flow_numbers_at + whole_lines(self.flow_records)
        return {
            THREAD_COUNT: self.threads,
            THREADS_AT: threads_at,
            BUCKET_MASK: self.buckets - 1,
            BUCKETS_AT: buckets_at,
            ENTRIES_AT: entries_at,
            FLOWS_AT: flows_at,
            TRANSFORMS_AT: transforms_at,
            ENTRY_COUNT: self.entry_records,
            FLOW_COUNT: self.flow_records,
            TRANSFORM_COUNT: self.transform_records,
            TRANSFORM_INDEX_AT: index_at,
            TRANSFORM_INDEX_MASK: self.transform_index - 1,
            CLAIMS_AT: claims_at,
            CLAIM_MASK: self.claims - 1,
            ENTRY_NUMBERS_AT: entry_numbers_at,
            FLOW_NUMBERS_AT: flow_numbers_at,
            TRANSFORM_NUMBERS_AT: transform_numbers_at,
            POOLS_AT: transform_numbers_at + whole_lines(self.transform_records),
        }

    @property
    def words(self) -> int:
        """Length of the arena in words."""
        return self.offsets()[POOLS_AT] + self.pools * POOL_WORDS
