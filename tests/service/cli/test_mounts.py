"""Which file system a path lies on, as the kernel lists them."""

from pathlib import Path

import pytest

from service.cli.mounts import Mount, holder, mount_of

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
23 22 0:5 / /proc rw,nosuid - proc proc rw
24 22 0:24 / /data rw - tmpfs tmpfs rw,size=1024k
25 24 8:1 / /data/old rw,relatime - ext4 /dev/sda1 rw,barrier=0
26 22 8:2 / /data rw,relatime - xfs /dev/sdb rw,attr2
27 22 0:30 / /with\\040space rw - overlay overlay rw,lowerdir=/l,upperdir=/u,volatile
"""


@pytest.mark.parametrize(
    ("place", "mount"),
    [
        ("/srv/shop", Mount("ext4", "")),
        ("/", Mount("ext4", "")),
        # What is mounted over another one covers it.
        ("/data/payguard.sqlite", Mount("xfs", "")),
        ("/database", Mount("ext4", "")),
        ("/data/old/x", Mount("ext4", "barrier=0")),
        ("/with space/x", Mount("overlay", "volatile")),
    ],
)
def test_the_deepest_and_latest_mount_holds_a_place(place: str, mount: Mount) -> None:
    assert holder(Path(place), MOUNTS) == mount


def test_a_link_lies_where_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/proc/self")

    assert mount_of(link).kind == "proc"
