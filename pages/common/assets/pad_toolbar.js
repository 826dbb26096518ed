// The canvas' own tool bar is in the way: on touch screens it lies unseen over the top right corner, where it swallows
// strokes, and its reset brings back what the canvas started with. It can only be reached from inside the shadow root.
export default function ({ data }) {
  let tries = 0;
  const hide = () => {
    const parts = document.querySelectorAll(`.st-key-${data.place} *`);
    const root = [...parts].map(part => part.shadowRoot).find(root => root?.querySelector('.canvas-root'));
    if (!root) { if (tries++ < 300) requestAnimationFrame(hide); return; }
    if (root.querySelector('style.no-toolbar')) return;
    const style = document.createElement('style');
    style.className = 'no-toolbar';
    style.textContent = '.dc-toolbar { display: none !important; } .dc-root { border-radius: 6px; overflow: hidden; }';
    root.append(style);
  };
  hide();
}
