// One button at a time can be reached with Tab; arrows go from one to the next, as in any grid.
export default ({ data, parentElement, setTriggerValue }) => {
  const grid = parentElement.querySelector('.grid');
  const { sheet, columns, rows, notes, captions, chosen } = data;
  grid.setAttribute('aria-label', data.label);
  grid.classList.toggle('full', data.full);
  grid.style.setProperty('--wide', `min(${data.wide}px, 100%)`);
  grid.style.setProperty('--ratio', data.ratio);
  if (grid.sheet !== sheet || grid.notes !== String(notes) + captions) {
    grid.sheet = sheet;
    grid.notes = String(notes) + captions;
    grid.replaceChildren(...notes.map((note, place) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.title = note;
      button.setAttribute('aria-label', note);
      const picture = document.createElement('i');
      const across = 100 * (place % columns) / Math.max(columns - 1, 1);
      const down = 100 * Math.floor(place / columns) / Math.max(rows - 1, 1);
      picture.style.background = `#fff url(${sheet}) ${across}% ${down}% / ${100 * columns}% ${100 * rows}%`;
      picture.style.imageRendering = data.sharp ? 'pixelated' : 'auto';
      button.append(picture);
      if (captions[place]) {
        const words = document.createElement('span');
        words.textContent = captions[place];
        button.append(words);
      }
      return button;
    }));
  }
  const buttons = [...grid.children];
  const first = chosen === null ? 0 : chosen;
  buttons.forEach((button, place) => {
    button.setAttribute('aria-pressed', place === chosen);
    button.tabIndex = place === first ? 0 : -1;
    button.onclick = () => setTriggerValue('picked', place);
  });
  grid.onkeydown = (event) => {
    const now = buttons.indexOf(grid.getRootNode().activeElement);
    const across = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    const next = { Home: 0, End: buttons.length - 1 }[event.key] ?? now + step;
    if (now < 0 || !buttons[next]) return;
    event.preventDefault();
    buttons[now].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  };
};
