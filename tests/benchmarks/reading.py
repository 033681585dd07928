"""What reading a long recording takes: tokens sent, and our own work, at ten minutes to ten hours.

    PYTHONPATH=tests python tests/benchmarks/reading.py

Made-up recordings with a caption every five seconds and 10,000 words an hour go through the
reasoner to a scripted server on this machine, so nothing of the time is a model's. The timeline's
own tokens are those of its entries as lines of a prompt. CPU is user + system of the process, with
the server's part, a few milliseconds a call. The rounds alternate; the median is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

from reasoner.hours import Reading, read, recording

from vidsum import tokens
from vidsum.reasoner.sections import short_line

HOURS = {"10 minutes": 1 / 6, "1 hour": 1.0, "3 hours": 3.0, "10 hours": 10.0}
ROUNDS = 3


def own_tokens(hours: float) -> int:
    """Return the tokens of a recording's timeline, as lines of a prompt."""
    lines = "\n".join(short_line(entry) for entry in recording(hours).timeline)
    return tokens.count(lines, None)[0]


def main() -> None:
    """Read every length in turn and print figures an hour, and against one hour's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--context", type=int, default=8_192, help="tokens taken at once")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    taken_s: dict[str, list[float]] = {length: [] for length in HOURS}
    readings: dict[str, Reading] = {}
    read(recording(HOURS["10 minutes"]), options.context)  # loads and compiles, and does not count
    for _ in range(options.rounds):
        for length, hours in HOURS.items():
            bundle = recording(hours)
            before_s = time.process_time()
            readings[length], _ = read(bundle, options.context)
            taken_s[length].append(time.process_time() - before_s)
    print("length      calls  rounds  sent an hour  against 1 h  sent / own  CPU s/h  against 1 h")
    hour = readings["1 hour"].sent_tokens
    hour_s = statistics.median(taken_s["1 hour"])
    for length, hours in HOURS.items():
        found, cpu_s = readings[length], statistics.median(taken_s[length]) / hours
        sent = found.sent_tokens / hours
        print(f"{length:10} {found.calls:6} {found.rounds:7} {sent:13,.0f} {sent / hour:12.2f}"
              f" {found.sent_tokens / own_tokens(hours):11.2f} {cpu_s:8.2f}"
              f" {cpu_s / hour_s:12.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
