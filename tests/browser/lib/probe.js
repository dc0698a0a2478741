// Runs in the page, before its own scripts: what a test asks about media, answered from outside the web client.

/** Installs `window.probe`. It is sent to the page as text, so it uses nothing from around it. */
export function installProbe() {
  const connections = [];
  const told = { downlinkBps: 0, layers: [] };
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...settings) {
      super(...settings);
      connections.push(this);
      this.addEventListener('connectionstatechange', () => {
        const { connectionState } = this;
        // biome-ignore lint/suspicious/noConsole: for the logs that a failed scene leaves behind.
        console.info(`connection ${connections.length}: ${connectionState} at ${performance.now().toFixed()} ms`);
      });
    }

    /** What the server says of the link and of what it sends is noted with the samples. */
    createDataChannel(...settings) {
      const channel = super.createDataChannel(...settings);
      channel.addEventListener('message', ({ data }) => {
        const said = JSON.parse(data);
        if (said.type === 'quality') told.downlinkBps = said.downlinkBps;
        if (said.type === 'slots')
          told.layers = said.slots.flatMap(({ rid, reason }) => (rid ? [`${rid} ${reason}`] : []));
      });
      return channel;
    }

    setRemoteDescription(description) {
      const sdp = description.sdp.split('\r\n').flatMap(reachable).join('\r\n');
      return super.setRemoteDescription({ type: description.type, sdp });
    }
  };

  /** The network of this page: what it hears of a candidate of the server's. */
  const reachable = (line) => {
    const candidate =
      /^(?<head>a=candidate:\S+ \d+ (?<protocol>udp|tcp) \d+ (?<ip>\S+)) (?<port>\d+)(?<rest>.*)$/i.exec(line);
    if (candidate === null) return [line];
    const { head, protocol, ip, port, rest } = candidate.groups;
    const isUdp = protocol.toLowerCase() === 'udp';
    // As where UDP is blocked.
    if (sessionStorage.getItem('withoutUdp') !== null) return isUdp ? [] : [line];
    // Behind a relay, which stands for the server's ports and knows no IPv6.
    const relay = JSON.parse(sessionStorage.getItem('relay'));
    if (relay === null) return [line];
    const stead = relay.find(([serverPort]) => serverPort === Number(port))?.[1];
    return isUdp && !ip.includes(':') && stead !== undefined ? [`${head} ${stead}${rest}`] : [];
  };

  /** The way to the control plane: while it is cut the socket is gone and none opens. */
  let isCut = false;
  const sockets = [];
  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(...settings) {
      super(...settings);
      sockets.push(this);
      if (isCut) this.close();
    }
  };

  const offers = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (typeof data === 'string' && data.includes('"call.offer"')) offers.push(performance.now());
    return send.call(this, data);
  };

  const open = () => connections.filter((connection) => connection.connectionState !== 'closed');

  const reports = async (type) => {
    const found = [];
    for (const connection of open()) {
      for (const report of (await connection.getStats()).values()) if (report.type === type) found.push(report);
    }
    return found;
  };

  const isRemote = (track) =>
    connections.some((connection) => connection.getReceivers().some((receiver) => receiver.track.id === track?.id));

  const trackOf = (video) => video?.srcObject?.getVideoTracks()[0];

  const nameOf = (tile) => tile.querySelector('figcaption')?.textContent ?? '';

  const videoReport = (inbound, tile) => {
    const track = trackOf(tile.querySelector('video'));
    return inbound.find((each) => each.kind === 'video' && each.trackIdentifier === track?.id);
  };

  /** A thumbnail of a video as numbers, to see whether it moves. */
  const picture = (video) => {
    if (!video || video.videoWidth === 0) return [];
    const canvas = document.createElement('canvas');
    canvas.width = 32;
    canvas.height = 18;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
  };

  /**
   * A picture that is worth its bitrate: `busyRatio` of its height changes with each frame. The browsers' own ones show so
   * little that no narrow link troubles them.
   */
  const busyPicture = ({ width, height, frameRate, busyRatio }) => {
    const blank = () => Object.assign(document.createElement('canvas'), { width, height });
    const noise = Array.from({ length: 16 }, () => {
      const canvas = blank();
      const context = canvas.getContext('2d');
      for (let x = 0; x < width; x += 10) {
        for (let y = 0; y < height * busyRatio; y += 10) {
          context.fillStyle = `hsl(${360 * Math.random()} 30% 50%)`;
          context.fillRect(x, y, 10, 10);
        }
      }
      return canvas;
    });
    const canvas = blank();
    const context = canvas.getContext('2d');
    let frame = 0;
    const draw = () => context.drawImage(noise[frame++ % noise.length], 0, 0);
    draw();
    setInterval(draw, 1_000 / frameRate);
    return canvas.captureStream(frameRate);
  };
  // A page without a secure origin, such as an empty one, has no devices.
  const { prototype: devices } = window.MediaDevices ?? { prototype: {} };
  const { getUserMedia, getDisplayMedia } = devices;
  devices.getDisplayMedia = function (constraints) {
    const screen = JSON.parse(sessionStorage.getItem('screen'));
    return screen === null ? getDisplayMedia.call(this, constraints) : Promise.resolve(busyPicture(screen));
  };
  devices.getUserMedia = function (constraints) {
    const camera = JSON.parse(sessionStorage.getItem('camera'));
    if (camera === null || !constraints.video) return getUserMedia.call(this, constraints);
    const { busyRatio, ...size } = camera;
    if (busyRatio > 0) return Promise.resolve(busyPicture(camera));
    return getUserMedia.call(this, { ...constraints, video: { ...constraints.video, ...size } });
  };

  /** What is sent of each picture; and what holds it back, as the browser sees it. */
  const sent = async () => {
    const pictures = (await reports('outbound-rtp')).filter(
      ({ kind, framesSent }) => kind === 'video' && framesSent > 0,
    );
    return pictures.map(({ rid, framesSent, frameHeight = 0, qualityLimitationReason = 'unknown' }) => ({
      rid,
      framesSent,
      height: frameHeight,
      limitedBy: qualityLimitationReason,
    }));
  };

  let isSampling = false;
  const samples = [];
  const sample = async () => {
    const inbound = await reports('inbound-rtp');
    const tiles = [...document.querySelectorAll('[data-testid^="tile-"]')].map((tile) => {
      const { framesDecoded = 0, frameHeight = 0 } = videoReport(inbound, tile) ?? {};
      return [nameOf(tile), { framesDecoded, height: frameHeight }];
    });
    const audio = inbound.filter((report) => report.kind === 'audio');
    const sounds = audio.map(({ id, packetsReceived, totalSamplesReceived, concealedSamples }) => [
      id,
      { packets: packetsReceived ?? 0, samples: totalSamplesReceived ?? 0, concealed: concealedSamples ?? 0 },
    ]);
    samples.push({
      ...told,
      at: performance.now(),
      sent: await sent(),
      tiles: Object.fromEntries(tiles),
      sounds: Object.fromEntries(sounds),
    });
  };

  let firstFrameAt;
  // Media events do not bubble, but they are captured.
  document.addEventListener(
    'loadeddata',
    (event) => {
      if (isRemote(trackOf(event.target))) firstFrameAt ??= performance.now();
    },
    true,
  );

  window.probe = {
    /** Each tile: whose, what it decodes, what it shows. */
    async tiles() {
      const inbound = await reports('inbound-rtp');
      return [...document.querySelectorAll('[data-testid^="tile-"]')].map((tile) => {
        const video = tile.querySelector('video');
        const report = videoReport(inbound, tile);
        return {
          key: tile.dataset.testid.slice('tile-'.length),
          name: nameOf(tile),
          framesDecoded: report?.framesDecoded ?? 0,
          lastPacketMs: report?.lastPacketReceivedTimestamp ?? 0,
          height: video?.videoHeight ?? 0,
          picture: picture(video),
        };
      });
    },

    /** Everything heard since the connection began. */
    async audioEnergy() {
      const audio = (await reports('inbound-rtp')).filter((report) => report.kind === 'audio');
      return audio.reduce((sum, report) => sum + (report.totalAudioEnergy ?? 0), 0);
    },

    /** When the last packet of anything came, in milliseconds since 1970. */
    async lastPacketMs() {
      const inbound = await reports('inbound-rtp');
      return Math.max(0, ...inbound.map((report) => report.lastPacketReceivedTimestamp ?? 0));
    },

    /** Notes some times a second what is received; what was noted since the last time, as JSON. */
    samples() {
      if (!isSampling) setInterval(sample, 200);
      isSampling = true;
      return JSON.stringify(samples.splice(0));
    },

    /** The encodings that the server says it sends, with its reasons. */
    layers: () => told.layers,

    /** The height of the largest picture that is there to be sent. */
    async capturedHeight() {
      return Math.max(0, ...(await reports('media-source')).map((report) => report.height ?? 0));
    },

    /** Takes the socket away, and any that follows, until `isOn` again. */
    signalling(isOn) {
      isCut = !isOn;
      if (isCut) for (const socket of sockets.splice(0)) socket.close();
    },

    /** How many connections the page has made so far. */
    connectionsMade: () => connections.length,

    /** The server's port, of the pair that received last: what browsers say of a pair's state changes while checks are lost. */
    async remotePort() {
      const pairs = (await reports('candidate-pair')).filter((pair) => pair.lastPacketReceivedTimestamp > 0);
      const [newest] = pairs.sort((one, other) => other.lastPacketReceivedTimestamp - one.lastPacketReceivedTimestamp);
      const candidates = await reports('remote-candidate');
      return candidates.find((candidate) => candidate.id === newest?.remoteCandidateId)?.port;
    },

    connectionCount: () => open().length,

    /** What carries the call: `udp` or `tcp`. */
    async carrier() {
      const [transport] = await reports('transport');
      const pairs = await reports('candidate-pair');
      const pair = pairs.find((each) => each.id === transport?.selectedCandidatePairId);
      const candidates = await reports('remote-candidate');
      return candidates.find((each) => each.id === pair?.remoteCandidateId)?.protocol;
    },

    /** Joins and leaves by the page's own buttons; milliseconds from each offer to the first decoded frame. */
    async joinTimes(count) {
      const button = (name) =>
        [...document.querySelectorAll('button')].find(
          (each) => each.ariaLabel === name || each.textContent.trim() === name,
        );
      const when = async (ask) => {
        const deadline = performance.now() + 15_000;
        while (!ask()) {
          if (performance.now() > deadline) throw new Error(`join ${times.length + 1} hangs`);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      };
      const times = [];
      while (times.length < count) {
        await when(() => button('Join'));
        offers.length = 0;
        firstFrameAt = undefined;
        button('Join').click();
        await when(() => firstFrameAt !== undefined && offers.length > 0);
        times.push(firstFrameAt - offers[0]);
        await when(() => button('Leave'));
        button('Leave').click();
      }
      return times;
    },
  };
}
