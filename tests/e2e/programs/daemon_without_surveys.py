"""mynetd that never surveys the kernel: it heals only what the kernel has notified it of.

``python daemon_without_surveys.py [OPTION OF MYNETD]...``
"""

import sys

from mynet.server.main import main
from mynet.server.reconcile import healer

NEVER = 1e6  # seconds

if __name__ == "__main__":
    assert healer.SURVEY_INTERVAL < NEVER
    healer.SURVEY_INTERVAL = NEVER  # type: ignore[misc] # Final, but for this
    sys.argv[0] = "mynetd"
    main()
