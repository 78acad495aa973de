"""What numba makes of the inner loop: vectors as wide as the processor can count the bits of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from llvmlite import binding as llvm

INNER_LOOP = """
import numpy as np
from negbuild import compiled
words = np.zeros(64, dtype=np.uint64)
compiled._look((words, words, words), words, np.zeros((8, 3), dtype=np.uint64), 60, words.copy())
(assembly,) = compiled._look.inspect_asm().values()
print(*(wide for wide in ("xmm", "ymm", "zmm") if any("vpopcntq" in x and wide in x for x in assembly.splitlines())))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A cache of its own: what was compiled before tells no assembly."""
    return {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}


def widths(environment: dict[str, str]) -> str:
    told = subprocess.run(
        [sys.executable, "-c", INNER_LOOP], env=environment, capture_output=True, text=True, check=True
    )
    return told.stdout


def test_bits_are_counted_512_at_a_time_where_the_processor_can(environment: dict[str, str]) -> None:
    assert ("zmm" in widths(environment)) == llvm.get_host_cpu_features().get("avx512vpopcntdq", False)


@pytest.mark.parametrize(("name", "value"), [("NUMBA_CPU_FEATURES", ""), ("NUMBA_ENABLE_AVX", "0")])
def test_features_a_person_has_set_are_left(environment: dict[str, str], name: str, value: str) -> None:
    assert "zmm" not in widths({**environment, name: value})
