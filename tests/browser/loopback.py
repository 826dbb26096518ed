"""`python loopback.py run app.py ...` is `streamlit run app.py ...` with WebRTC on 127.0.0.1 alone.

aioice leaves loopback out of the addresses that it offers, and so nothing could connect where there is no other network.
Chromium needs --allow-loopback-in-peer-connection to match.
"""

import logging
import os
import sys

import aioice.ice
from streamlit.web.cli import main

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

# The packages say nothing unless they are asked, not even why a stream ended.
logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s: %(message)s")
for package in ("streamlit_webrtc", "aioice", "aiortc"):
    logging.getLogger(package).setLevel(os.environ.get("WEBRTC_LOG", "WARNING"))

if __name__ == "__main__":
    sys.exit(main(prog_name="streamlit"))
