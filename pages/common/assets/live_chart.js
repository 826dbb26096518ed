const plotly = () => window.numbersPlotly ??= new Promise((done, failed) => {
  const script = document.createElement("script");
  script.src = "app/static/plotly.min.js";
  script.onload = () => done(window.Plotly);
  script.onerror = failed;
  document.head.append(script);
});
export default ({ data, parentElement }) => {
  const place = parentElement.querySelector(".live-chart");
  place.style.height = data.height + "px";
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", data.label);
  const { color } = getComputedStyle(place);
  const grid = color.replace("rgb(", "rgba(").replace(")", ", 0.14)");
  const layout = { ...data.figure.layout };
  layout.font = { ...layout.font, color };
  for (const axis of Object.keys(layout).filter((name) => /^[xy]axis/.test(name)))
    layout[axis] = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, ...layout[axis] };
  plotly().then((Plotly) => Plotly.react(place, data.figure.data, layout, {
    responsive: true, displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  }));
};
