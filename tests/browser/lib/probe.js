// Runs in the page, before its own scripts: what a test asks about media, answered from outside the web client.

/** Installs `window.probe`. It is sent to the page as text, so it uses nothing from around it. */
export function installProbe() {
  const connections = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...settings) {
      super(...settings);
      connections.push(this);
    }

    /** As in a network that blocks UDP: the page never hears of the server's candidates for it. */
    setRemoteDescription(description) {
      if (sessionStorage.getItem('withoutUdp') === null) return super.setRemoteDescription(description);
      const lines = description.sdp.split('\r\n').filter((line) => !/^a=candidate:\S+ \d+ udp /i.test(line));
      return super.setRemoteDescription({ type: description.type, sdp: lines.join('\r\n') });
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
        const track = trackOf(video);
        const report = inbound.find((each) => each.kind === 'video' && each.trackIdentifier === track?.id);
        return {
          key: tile.dataset.testid.slice('tile-'.length),
          name: tile.querySelector('figcaption')?.textContent ?? '',
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
