"""A peer's side of the protocol that bench.Serve documents."""

import statistics
import sys
import time


def answer(text):
    print(text, flush=True)


def serve(subject):
    """Answers commands until the end. subject has step() and value()."""
    answer("ready")
    for line in sys.stdin:
        command, _, count = line.strip().partition(" ")
        if command == "quit":
            return
        if command == "steps":
            for _ in range(int(count)):
                subject.step()
            answer(f"value {subject.value():.9g}")
        elif command == "window":
            subject.step()
            answer("ms %.6g %.6g" % window(subject, int(count)))
        else:
            answer(f"error unknown command {command!r}; want steps, window or quit")
            return


def window(subject, count):
    """The fastest and the median of count steps, in milliseconds. A subject that
    has wait() works on behind step(): its steps are timed as a whole."""
    if hasattr(subject, "wait"):
        subject.wait()
        began = time.perf_counter()
        for _ in range(count):
            subject.step()
        subject.wait()
        return ((time.perf_counter() - began) * 1e3 / count,) * 2
    times = []
    for _ in range(count):
        began = time.perf_counter()
        subject.step()
        times.append((time.perf_counter() - began) * 1e3)
    return min(times), statistics.median(times)


def run(main):
    """Runs main and reports what it raises as the protocol's error."""
    try:
        main()
    except Exception as fault:
        first = (str(fault).strip().splitlines() or [""])[0]
        answer(f"error {type(fault).__name__}: {first}")
        raise


def digest(codes):
    """bench.encoder.value: the root of the mean of (code times 1 + i mod 7) squared."""
    total = 0.0
    for i, code in enumerate(codes):
        total += (float(code) * (1 + i % 7)) ** 2
    return (total / len(codes)) ** 0.5
