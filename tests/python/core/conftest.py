import os
import secrets
import zlib

import numpy as np
import pytest
from abi import CoreAbi


@pytest.fixture(scope="session")
def abi() -> CoreAbi:
    return CoreAbi.from_environment()


@pytest.fixture
def rng(request) -> np.random.Generator:
    """Random numbers that differ from run to run; a failing test shows how to repeat its own."""
    seed = int(os.environ.get("TINYPROP_TEST_SEED", secrets.randbits(31)))
    print(f"to repeat: TINYPROP_TEST_SEED={seed} pytest '{request.node.nodeid}'")
    return np.random.default_rng([seed, zlib.crc32(request.node.nodeid.encode())])
