import shutil
import subprocess
import sys

import pytest

from bench.tables import README, status
from tests.support.servers import ROOT


@pytest.fixture
def written(tmp_path):
    """Run a benchmark on a copy of the page; return what it put between its two marks.

    One that may miss its goals ends with 1 where its table says so, and may where it does not: a
    small size says nothing of them. A crash does too, but rewrites no page. The block has the
    command's name unless another is given.
    """

    def run(name, *arguments, may_miss=False, block=None):
        page = shutil.copy(README, tmp_path / "README.md")
        before = page.read_text()
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *arguments, "--write", "--page", str(page)],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode in ({status(done.stdout), 1} if may_miss else {0}), done.stderr
        marked = block or name
        start, end = f"<!-- {marked} -->\n", f"<!-- /{marked} -->"
        head, _, rest = page.read_text().partition(start)
        inside, _, tail = rest.partition(end)
        assert (head, tail) == (before.partition(start)[0], before.partition(end)[2])
        assert inside == done.stdout
        return inside

    return run
