"""Plays a room by WHEP with aiortc, and says as JSON what was decoded.

Usage: player.py URL TOKEN SECONDS. The media comes from this project's server; the stack that decodes it knows nothing of it.
"""

import asyncio
import json
import sys
import time
import urllib.request
from urllib.parse import urljoin

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription

# The server under test listens on the loopback address, which aioice leaves out of its candidates.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

# Longest wait for the first frame, in seconds.
PATIENCE = 20


def request(method, url, token, body=None):
    """Sends a request and returns status, headers and body; an error of HTTP is one here."""
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/sdp"
    data = body.encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=10) as answer:
        return answer.status, answer.headers, answer.read().decode()


def mean(plane, columns):
    """Mean of a plane's samples in a range of columns, every fourth row."""
    data = memoryview(plane).cast("B")
    rows = range(0, plane.height, 4)
    samples = [value for row in rows for value in data[row * plane.line_size :][columns.start : columns.stop]]
    return sum(samples) / len(samples)


def colours(frame):
    """Mean Y, U and V of the left and of the right third of a picture."""

    def third(plane, right):
        width = plane.width // 3
        start = plane.width - width if right else 0
        return mean(plane, range(start, start + width))

    picture = frame.reformat(format="yuv420p")
    return {side: [round(third(plane, side == "right")) for plane in picture.planes] for side in ("left", "right")}


async def watch(track, seconds, seen):
    """Counts pictures from the first one on, and notes the colours and the size of the last."""
    frame = await asyncio.wait_for(track.recv(), PATIENCE)
    until = time.monotonic() + seconds
    count = 1
    while time.monotonic() < until:
        frame = await asyncio.wait_for(track.recv(), PATIENCE)
        count += 1
    seen["video"] = {"frames": count, "width": frame.width, "height": frame.height, "colours": colours(frame)}


async def listen(track, seconds, seen):
    """Measures a tone by its changes of sign, in the sound after the first second."""
    frame = await asyncio.wait_for(track.recv(), PATIENCE)
    until = time.monotonic() + seconds
    count, samples, crossings, peak, before = 1, 0, 0, 0, 0
    while time.monotonic() < until:
        frame = await asyncio.wait_for(track.recv(), PATIENCE)
        count += 1
        if count <= 50:
            continue
        # 16 bits, both channels alternating: the left one.
        values = memoryview(frame.planes[0]).cast("B")[: frame.samples * 4].cast("h")[::2]
        for value in values:
            crossings += (value < 0) != (before < 0)
            before = value
            peak = max(peak, abs(value))
        samples += frame.samples
    hertz = crossings / 2 * frame.sample_rate / max(samples, 1)
    seen["audio"] = {"frames": count, "hertz": round(hertz), "peak": peak}


async def play(url, token, seconds):
    peer = RTCPeerConnection()
    seen = {}
    tasks = []

    @peer.on("track")
    def on_track(track):
        job = watch if track.kind == "video" else listen
        tasks.append(asyncio.create_task(job(track, seconds, seen)))

    peer.addTransceiver("audio", direction="recvonly")
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    status, headers, answer = request("POST", url, token, peer.localDescription.sdp)
    assert status == 201, status
    session = urljoin(url, headers["Location"])
    await peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    try:
        await asyncio.gather(*tasks)
    finally:
        seen["deleted"], _, _ = request("DELETE", session, token)
        await peer.close()
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
