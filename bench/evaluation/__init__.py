# SPDX-License-Identifier: MIT
"""The evaluation lab: the same programs in every setting, and a report.

    settings.py   what is compared: machines, and the settings on each
    images.py     what the machines boot: programs, archives, the tools' disk
    target.py     drives a booted machine and takes its rows
    target/       the scripts that run in it
    session.py    interleaved rounds, kept in a file that can be resumed
    fleet.py      the same on several computers
    guard.py      what bench/compare says
    results.py    reads the file
    rows.py       what each row means
    stats.py      medians, intervals, tests
    claims.py     what the rows say to the claims
    plots.py, page.py   the report

bench/evaluate, bench/page and bench/compare are the commands.
"""
