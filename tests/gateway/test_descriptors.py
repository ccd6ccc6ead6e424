import json
import subprocess
import sys

import pytest

ASK = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from tocsin.gateway.descriptors import most_connections
print(json.dumps([most_connections(), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on this system")
@pytest.mark.parametrize(("soft", "hard", "connections", "files"), [(64, 64, 32, 64), (64, 512, 256, 512)])
def test_half_of_the_files_that_may_be_open_stay_for_the_gateways_own(soft, hard, connections, files):
    asked = subprocess.run([sys.executable, "-c", ASK, str(soft), str(hard)], capture_output=True, check=True)
    assert json.loads(asked.stdout) == [connections, files]
