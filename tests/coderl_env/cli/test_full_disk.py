"""A sweep on a file system that is really full says so, leaves the other cells, and goes on when there is room."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# In a mount namespace of its own: a small file system, the sweep, more room, the same sweep again.
_SCRIPT = """
set -u
mount -t tmpfs -o size=300k none "$1" || exit 77
"$2" -c "from coderl_env.cli import main; raise SystemExit(main())" sweep "$3" --out "$1/sweep"; echo "status $?"
mount -o remount,size=40m "$1"
"$2" -c "from coderl_env.cli import main; raise SystemExit(main())" sweep "$3" --out "$1/sweep"; echo "status $?"
"$2" -c "from coderl_env.cli import main; raise SystemExit(main())" report "$1/sweep"; echo "status $?"
"""
_SWEEP = """
name: full
env: synth
seeds: [0, 1]
parallel: 1
settings: {eval_problems: 40, eval_samples: 5, isolation: none}
budget: {steps: {rl: 2}}
agents: [random]
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare, for a small file system of its own")
def test_a_sweep_on_a_full_disk_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(_SWEEP)
    command = ["unshare", "-Urm", "sh", "-c", _SCRIPT, "sh", str(folder), sys.executable, str(sweep)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no small file system to be had here: {done.stderr.strip()}")
    statuses = [line for line in done.stdout.splitlines() if line.startswith("status ")]
    assert statuses == ["status 1", "status 0", "status 0"], done.stdout + done.stderr
    full, *_ = done.stdout.split("status 1")
    assert "database or disk is full" in full
    assert "Traceback" not in done.stdout + done.stderr
