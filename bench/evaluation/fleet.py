# SPDX-License-Identifier: MIT
"""The same session on several computers at a time, and one file of it.

Each computer has a checkout of these sources at the same commit and is reached
by ssh without a question. It runs the whole session; its rounds become rounds
of the whole. Ratios are formed inside a round, so computers of different speed
do not blur them.
"""

import json
import os
import shlex
import subprocess
import sys

REMOTE = "build/bench/fleet.json"


def _split(place):
    """HOST:FOLDER"""
    host, _, folder = place.partition(":")
    if not host or not folder:
        sys.exit("evaluate: --on takes HOST:FOLDER, not %s" % place)
    return host, folder


def _command(folder, words, commit):
    run = ["bench/evaluate", *words, "--out", REMOTE]
    return "cd %s && [ $(git rev-parse --short HEAD) = %s ] && " \
        "tools/setup build run bench && make -s all && %s 1>&2 && cat %s" % (
            shlex.quote(folder), commit, shlex.join(run), REMOTE)


def run(places, words, commit):
    """Run everywhere; {host: its results}. Those that fail are told of."""
    started = {}
    for place in places:
        host, folder = _split(place)
        started[host] = subprocess.Popen(
            ["ssh", "-o", "BatchMode=yes", host,
             _command(folder, words, commit)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    found = {}
    for host, process in started.items():
        said, _ = process.communicate()
        if process.returncode:
            print("evaluate: %s failed (%d); is it reached by ssh, and is "
                  "its checkout at %s?" % (host, process.returncode, commit),
                  file=sys.stderr)
        else:
            found[host] = json.loads(said)
    return found


def merge(found):
    """One session of many: each one's rounds keep the host's name."""
    hosts = sorted(found)
    first = found[hosts[0]]
    merged = {"about": dict(first["about"]), "options": first["options"],
              "visits": [], "done": True}
    merged["about"]["host"] = "; ".join(
        "%s: %s" % (h, found[h]["about"].get("host", "?")) for h in hosts)
    for host in hosts:
        for visit in found[host]["visits"]:
            number = visit["round"]
            merged["visits"].append(dict(
                visit, computer=host, round=number if number == "icount"
                else "%s/%s" % (host, number)))
    return merged


def save(data, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
