"""What Schemathesis must be told of this project: how bodies that it does not know are written."""

import schemathesis

schemathesis.serializer.alias(["application/sdp", "application/trickle-ice-sdpfrag"], "text/plain")
