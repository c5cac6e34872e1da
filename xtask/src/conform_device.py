"""Lets a device join the demo's client, and tells its token."""

import json
import sys
import urllib.request

DEVICE = {
    "name": "conformance",
    "unique_key": "conformance",
    "os_name": "Debian GNU/Linux",
    "os_version": "12",
    "agent_version": "1.0.0",
}
WISH = {
    "enrollment_token": "enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "device": DEVICE,
}

request = urllib.request.Request(
    f"{sys.argv[1]}/v2/agent/enroll",
    data=json.dumps(WISH).encode(),
    headers={"Content-Type": "application/json"},
)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(request, timeout=30) as answer:
    print(json.load(answer)["device_token"])
