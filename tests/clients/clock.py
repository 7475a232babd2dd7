"""A wall clock for some programs, which the tests can step (libfaketime)."""

import subprocess

from surroundings import PROJECT


class Clock:
    """The wall clock of the programs that have its variables; their monotonic clocks are the machine's."""

    def __init__(self, folder):
        subprocess.run([PROJECT / "scripts/unpack", "libfaketime"], check=True)
        library = next((PROJECT / ".tools/debian/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self.file = folder / "offset"
        self.step(0)
        self.variables = {
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": 1,
            "DONT_FAKE_MONOTONIC": 1, "FAKETIME_DONT_FAKE_MONOTONIC": 1, "NO_FAKE_STAT": 1,
        }  # fmt: skip
        monotonic = {"DONT_FAKE_MONOTONIC": 0, "FAKETIME_DONT_FAKE_MONOTONIC": 0}
        self.all_clocks = self.variables | monotonic
        """As `variables`, for programs that compare ends of lifetimes with a monotonic clock."""

    def step(self, seconds):
        """Sets the clock to so many seconds beside the machine's."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.rename(self.file)
