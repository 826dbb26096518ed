// What only the browser knows of the camera: whether there is one, whether it was refused, which way it looks, and
// whether the connection was lost; then it is started again. Streamlit's own notes would need a rerun to appear.
const TRIES = 5;

export default function ({ parentElement, setStateValue }) {
  const note = parentElement.querySelector('p');
  const media = navigator.mediaDevices;
  let missing = '';  // what is wrong with the camera
  // The player is a frame of this page's own origin. What is known of its connection is kept there: Streamlit calls this
  // function again whenever the page runs, and the player lives on.
  const player = () => document.querySelector('iframe[title*="webrtc_streamer"]')?.contentDocument;
  const fresh = () => ({ played: false, stopped: false, tries: 0, again: 0, lost: '', facing: '', refused: false });
  const tell = () => { const words = missing || player()?.connection?.lost || ''; note.textContent = words; note.hidden = !words; };
  if (!window.isSecureContext || !media) {
    missing = 'Browsers give a camera only to pages served over HTTPS or from your own machine. Open this app at ' +
              'http://localhost, or have it served over HTTPS.';
    tell();
    return;
  }

  let permission;
  const look = async () => {
    try {
      const cameras = (await media.enumerateDevices()).filter(device => device.kind === 'videoinput');
      permission ??= await navigator.permissions.query({ name: 'camera' }).catch(() => ({ state: 'prompt' }));
      permission.onchange = look;
      missing = !cameras.length ? 'No camera was found. Plug one in, and close other programs that use it.'
        : permission.state === 'denied'
          ? 'The camera was refused. Allow it with the camera or lock sign beside the address, then press Start.'
          : '';
    } catch { missing = ''; }
    tell();
  };
  look();
  media.addEventListener('devicechange', look);

  const button = words => [...(player()?.querySelectorAll('button') ?? [])].find(each => each.textContent.trim() === words);
  const prepare = inside => {
    if (!inside.head || inside.connection) return;
    const connection = inside.connection = fresh();
    const style = inside.createElement('style');
    style.textContent = '.MuiAlert-root { display: none; }';  // the browser's raw errors: what to do stands here
    inside.head.append(style);
    // "disconnected" means that nothing has been heard for some seconds, and mostly passes; the player would give up at once.
    const peer = inside.defaultView.RTCPeerConnection?.prototype;
    if (peer) {
      const listen = peer.addEventListener;
      peer.addEventListener = function (kind, heard, ...more) {
        const patient = event => { if (this.connectionState !== 'disconnected') heard.call(this, event); };
        return listen.call(this, kind, kind === 'connectionstatechange' ? patient : heard, ...more);
      };
    }
    const theirs = inside.defaultView.navigator.mediaDevices;
    const ask = theirs?.getUserMedia?.bind(theirs);
    if (!ask) return;
    theirs.getUserMedia = async constraints => {
      try {
        const stream = await ask(constraints);
        connection.facing = stream.getVideoTracks()[0]?.getSettings().facingMode ?? '';
        return stream;
      } catch (error) {
        connection.stopped = true;
        connection.refused = true;
        connection.lost = error.name === 'NotAllowedError' || error.name === 'NotFoundError' ? ''
          : 'The camera cannot be opened. Close other programs that use it, then press Start.';
        throw error;
      }
    };
    inside.addEventListener('click', event => {
      const pressed = event.target.closest?.('button')?.textContent.trim();
      if (pressed === 'Start' && event.isTrusted) Object.assign(connection, fresh(), { facing: connection.facing });
      if (pressed === 'Stop') Object.assign(connection, { stopped: true, lost: '' });
    }, true);
  };
  let facing;
  const watch = setInterval(() => {
    const inside = player();
    if (inside) prepare(inside);
    const connection = inside?.connection;
    if (!connection) return;
    if (inside.querySelector('video')?.videoWidth && button('Stop')) {
      Object.assign(connection, { played: true, tries: 0, lost: '' });
    } else if (connection.played && !connection.stopped && Date.now() > connection.again && button('Start')?.disabled === false) {
      connection.tries += 1;
      connection.again = Date.now() + 3000 * connection.tries;
      connection.stopped = connection.tries > TRIES;
      connection.lost = connection.stopped ? 'Connection lost. Press Start to try again.' : 'Connection lost, starting again …';
      if (!connection.stopped) button('Start').click();
    }
    if (connection.facing && connection.facing !== facing) setStateValue('facing', facing = connection.facing);
    if (connection.refused) { connection.refused = false; look(); }
    tell();
  }, 500);
  return () => {
    clearInterval(watch);
    media.removeEventListener('devicechange', look);
    if (permission) permission.onchange = null;
  };
}
