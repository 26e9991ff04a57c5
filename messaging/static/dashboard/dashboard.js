// The dashboard's charts: drawn in the theme's colours, anew when it turns dark or light; a bar or point opens its rows.
"use strict";

(() => {
  const TONES = {
    primary: "--color-primary-500", info: "--om-info", success: "--om-success", danger: "--om-danger",
    warning: "--om-warning", subtle: "--om-subtle",
  };
  const drawn = [];

  // A colour as the canvas knows it: whatever form the style sheet has it in.
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const datasets = (data) => data.series.map((one) => ({
    label: one.title, data: one.values, backgroundColor: colour(TONES[one.tone]), borderColor: colour(TONES[one.tone]),
    borderWidth: data.kind === "line" ? 2 : 0, pointRadius: 3, spanGaps: true, tension: 0.2, maxBarThickness: 28,
  }));

  const options = (data) => {
    const text = colour("--om-subtle"), line = colour("--om-line");
    const isStacked = data.kind === "bar";
    return {
      animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
      onClick: (event, _, chart) => {
        const [hit] = chart.getElementsAtEventForMode(event.native, "nearest", { intersect: true }, true);
        if (hit) window.location.assign(data.series[hit.datasetIndex].urls[hit.index]);
      },
      onHover: (event, _, chart) => {
        const hits = chart.getElementsAtEventForMode(event.native, "nearest", { intersect: true }, true);
        chart.canvas.style.cursor = hits.length ? "pointer" : "default";
      },
      plugins: { legend: { position: "bottom", labels: { color: text, boxWidth: 12, boxHeight: 12 } } },
      scales: {
        x: { stacked: isStacked, grid: { display: false }, ticks: { color: text, maxRotation: 0, autoSkipPadding: 12 } },
        y: {
          stacked: isStacked, beginAtZero: true, grid: { color: line }, border: { display: false },
          ticks: { color: text, precision: 0 }, title: { display: true, text: data.unit, color: text },
        },
      },
    };
  };

  const draw = () => {
    drawn.splice(0).forEach((chart) => chart.destroy());
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
      const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
      const content = { labels: data.labels, datasets: datasets(data) };
      drawn.push(new window.Chart(canvas, { type: data.kind, data: content, options: options(data) }));
    }
    document.documentElement.dataset.charts = drawn.length;
  };

  draw();
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
