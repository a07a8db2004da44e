"""``python -m tinygan.cuda``: tries tinygan on the GPU and writes a report (tinygan/doctor)."""

import sys

from tinygan.doctor.run import main

sys.exit(main())
