"""What a process loads of LanceDB, and what it does not."""

from __future__ import annotations

import subprocess
import sys

from tests.server import ROOT

PROGRAM = """
import sys
from chatserver.knowledge.index_library import load_library
assert load_library().connect_async
client = sys.modules["lance_namespace_urllib3_client.models"]
assert not hasattr(client, "__file__"), client.__file__
assert client.CreateTableRequest is client.CreateTableRequest
"""


def test_the_models_of_the_rest_catalogue_are_left_out() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=True)
