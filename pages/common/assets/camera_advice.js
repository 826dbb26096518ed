// Streamlit's own notes would need a rerun to appear; the browser knows at once.
export default function ({ parentElement }) {
  const note = parentElement.querySelector('p');
  const say = words => { note.textContent = words; note.hidden = !words; };
  const media = navigator.mediaDevices;
  if (!window.isSecureContext || !media) {
    say('Browsers give a camera only to pages served over HTTPS or from your own machine. Open this app at ' +
        'http://localhost, or have it served over HTTPS.');
    return;
  }
  let permission;
  const look = async () => {
    try {
      const cameras = (await media.enumerateDevices()).filter(device => device.kind === 'videoinput');
      permission ??= await navigator.permissions.query({ name: 'camera' }).catch(() => ({ state: 'prompt' }));
      permission.onchange = look;
      if (!cameras.length) say('No camera was found. Plug one in, and close other programs that use it.');
      else if (permission.state === 'denied')
        say('The camera was refused. Allow it with the camera or lock sign beside the address, then press Start.');
      else say('');
    } catch { say(''); }
  };
  look();
  media.addEventListener('devicechange', look);
  return () => { media.removeEventListener('devicechange', look); if (permission) permission.onchange = null; };
}
