const dark = matchMedia("(prefers-color-scheme: dark)");
function colourCharts() {
  const text = getComputedStyle(document.body).color;
  for (const chart of document.querySelectorAll(".plotly-graph-div"))
    Plotly.relayout(chart, {"font.color": text, "modebar.color": "#8a8794"});
}
dark.addEventListener("change", colourCharts);
colourCharts();
const cell = document.getElementById("cell");
function open() {
  const found = document.getElementById("cell-" + cell.value);
  document.getElementById("cell-shown").replaceChildren(...(found ? [found.content.cloneNode(true)] : []));
}
cell.addEventListener("change", open);
document.getElementById("confusion").on("plotly_click", (event) => {
  cell.value = event.points[0].customdata.map((sign) => sign || "none").join("-");
  open();
});
open();
