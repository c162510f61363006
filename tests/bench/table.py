"""Measurements as Markdown, and what they say about the targets."""

from statistics import median

from rows import MEMORY_MB, OURS, TARGETS


def seconds(value):
    return f"{value * 1000:.0f} ms" if value < 0.1 else f"{value:.2f}"


def medians(samples):
    """{(row, column): [Sample]} -> {(row, column): seconds}"""
    return {place: median(sample.seconds for sample in taken) for place, taken in samples.items() if taken}


def markdown(names, columns, samples):
    """A row a name, a column a workload; medians in seconds. Rows that did nothing are left out."""
    middle = medians(samples)
    lines = ["| median seconds | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name in names:
        cells = [seconds(middle[name, column]) if (name, column) in middle else "" for column in columns]
        if any(cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spread(names, columns, samples):
    """Fastest and slowest of each, to judge the medians by."""
    lines = []
    for name in names:
        for column in columns:
            taken = samples.get((name, column))
            if taken:
                times = sorted(sample.seconds for sample in taken)
                lines.append(f"- {name}, {column}: {seconds(times[0])} to {seconds(times[-1])} in {len(times)} rounds, "
                             f"{max(sample.memory_mb for sample in taken):.0f} MB")
    return "\n".join(lines)


def verdicts(columns, samples):
    """One (text, met) for each target that could be judged."""
    middle = medians(samples)
    found = []
    for column in columns:
        target = TARGETS.get(column.split()[0])
        ours = middle.get((OURS, column))
        if target is None or ours is None:
            continue
        if isinstance(target, float):
            found.append((f"{column}: {seconds(ours)}, at most {seconds(target)}", ours <= target))
            continue
        factor, peers = target
        best = min((middle[peer, column] for peer in peers if (peer, column) in middle), default=None)
        if best is not None:
            found.append((f"{column}: {ours / best:.2f} x the best of {', '.join(peers)}, at most {factor} x",
                          ours <= factor * best))
    memory = [sample.memory_mb for (row, _), taken in samples.items() if row == OURS for sample in taken]
    if memory:
        found.append((f"memory: {max(memory):.0f} MB, at most {MEMORY_MB} MB", max(memory) <= MEMORY_MB))
    return found
