// One button at a time can be reached with Tab; arrows go from one to the next.
export default ({ data, parentElement, setTriggerValue }) => {
  const board = parentElement.querySelector('.board');
  const { height, width, rows, columns, stride, side, marks } = data;
  board.setAttribute('aria-label', data.label);
  board.style.aspectRatio = `${width} / ${height}`;
  board.style.maxWidth = data.wide;
  board.querySelector('img').src = data.picture;
  let buttons = [...board.querySelectorAll('button')];
  if (buttons.length !== rows * columns) {
    buttons.forEach(button => button.remove());
    buttons = Array.from({ length: rows * columns }, () => {
      const button = document.createElement('button');
      button.type = 'button';
      return board.appendChild(button);
    });
  }
  const focused = buttons.indexOf(board.getRootNode().activeElement);
  const first = focused >= 0 ? focused : Math.max(marks.indexOf('chosen'), 0);
  buttons.forEach((button, place) => {
    const row = Math.floor(place / columns), column = place % columns;
    Object.assign(button.style, {
      left: `${100 * column * stride / width}%`, top: `${100 * row * stride / height}%`,
      width: `${100 * side / width}%`, height: `${100 * side / height}%`,
    });
    button.className = marks[place];
    button.title = `row ${row + 1}, column ${column + 1}` + (marks[place] ? `: ${marks[place]}` : '');
    button.setAttribute('aria-label', button.title);
    button.setAttribute('aria-pressed', Boolean(marks[place]));
    button.tabIndex = place === first ? 0 : -1;
    button.onclick = () => setTriggerValue('picked', [row, column]);
  });
  board.onkeydown = event => {
    const now = buttons.indexOf(board.getRootNode().activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = now + step;
    if (now < 0 || !buttons[next]) return;
    event.preventDefault();
    buttons[now].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  };
};
